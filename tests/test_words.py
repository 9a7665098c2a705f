"""Words, compared with the offsets of real tokenizers of three families."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from lsr.errors import InvalidInputError
from lsr.words import TermSpan, words_of
from tiny_models import byte_level_tokenizer, unigram_tokenizer, word_piece_tokenizer

MAKERS = [word_piece_tokenizer, byte_level_tokenizer, unigram_tokenizer]
TOKENIZERS = {make: make() for make in MAKERS}


def spans(make: Callable[[], Tokenizer], text: str) -> list[TermSpan]:
    encoding = TOKENIZERS[make].encode(text, add_special_tokens=False)
    return [
        (term, start, end)
        for term, (start, end) in zip(encoding.ids, encoding.offsets, strict=True)
    ]


def texts_of(make: Callable[[], Tokenizer], text: str) -> list[str]:
    return [word.text for word in words_of(text, spans(make, text))]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the  river, the sea.", ["the", "river", ",", "the", "sea", "."]),
        ("don't count 3.14 or 10,000", ["don't", "count", "3.14", "or", "10,000"]),
        ("'ocean' (sea)", ["'", "ocean", "'", "(", "sea", ")"]),
        ("café naïve", ["café", "naïve"]),
        ("cafe\u0301 nai\u0308ve", ["cafe\u0301", "nai\u0308ve"]),
        (" \tthe\nsea ", ["the", "sea"]),
        ("state-of-the-art", ["state", "-", "of", "-", "the", "-", "art"]),
        ("well. Now", ["well", ".", "Now"]),
    ],
)
def test_every_family_gives_the_same_words(
    make: Callable[[], Tokenizer], text: str, expected: list[str]
) -> None:
    assert texts_of(make, text) == expected


@pytest.mark.parametrize("make", [word_piece_tokenizer, byte_level_tokenizer])
def test_ideographs_are_words_of_their_own(make: Callable[[], Tokenizer]) -> None:
    assert texts_of(make, "日本 sea") == ["日", "本", "sea"]


def test_a_piece_of_several_ideographs_is_one_word() -> None:
    assert texts_of(unigram_tokenizer, "日本 sea") == ["日本", "sea"]


@pytest.mark.parametrize("make", MAKERS)
def test_joined_and_toned_emoji_are_one(make: Callable[[], Tokenizer]) -> None:
    family, thumb, heart = "👩\u200d👩\u200d👧", "👍🏽", "❤\ufe0f"

    assert texts_of(make, f"{family} {thumb} {heart}") == [family, thumb, heart]


def test_vowel_signs_belong_to_their_word() -> None:
    text = "हिन्दी में"

    assert texts_of(byte_level_tokenizer, text) == ["हिन्दी", "में"]


@pytest.mark.parametrize("make", MAKERS)
def test_a_word_has_its_pieces_in_order(make: Callable[[], Tokenizer]) -> None:
    tokenizer = TOKENIZERS[make]
    text = "the garnet"

    word = words_of(text, spans(make, text))[1]

    pieces = "".join(str(tokenizer.id_to_token(term)) for term in word.terms)
    assert len(word.terms) >= 5
    assert pieces.replace("##", "").strip("Ġ▁") == "garnet"
    assert (word.start, word.end) == (4, 10)


def test_repeated_words_are_found_each_time() -> None:
    text = "sea, Sea sea"

    found = words_of(text, spans(word_piece_tokenizer, text))

    assert [(one.start, one.end) for one in found if one.text != ","] == [(0, 3), (5, 8), (9, 12)]
    assert len({one.terms for one in found}) == 2


def test_a_mark_without_letters_belongs_to_the_word_behind_it() -> None:
    text = "a  b "

    found = words_of(text, [(1, 0, 1), (2, 1, 2), (3, 3, 3), (4, 3, 4), (5, 4, 5), (6, 5, 5)])

    assert [(word.text, word.terms) for word in found] == [("a", (1,)), ("b", (2, 3, 4))]


def test_some_pieces_give_whole_words() -> None:
    (found,) = words_of("indexing, search", [(7, 5, 8)])

    assert (found.text, found.start, found.end, found.terms) == ("indexing", 0, 8, (7,))


def test_a_piece_over_words_joins_them() -> None:
    found = words_of("New York city", [(1, 0, 3), (2, 0, 8), (3, 9, 13)])

    assert [(word.text, word.terms) for word in found] == [("New York", (1, 2)), ("city", (3,))]


def test_the_order_of_pieces_does_not_matter() -> None:
    text = "New York city"

    found = words_of(text, [(3, 9, 13), (2, 0, 8), (1, 0, 3)])

    assert [(word.text, word.terms) for word in found] == [("New York", (2, 1)), ("city", (3,))]


@pytest.mark.parametrize("text", ["", " \n"])
def test_blank_text_has_no_words(text: str) -> None:
    assert words_of(text, [(1, 0, len(text))]) == []


@pytest.mark.parametrize("span", [(1, -1, 2), (1, 2, 1), (1, 2, 4), (1, 9, 9)])
def test_offsets_of_another_text_are_refused(span: TermSpan) -> None:
    with pytest.raises(InvalidInputError, match=r"The term 1 stands at .* the text has 3 char"):
        words_of("sea", [span])


fragments = st.sampled_from(
    ["sea", "don't", "3.14", "e\u0301", "日本", "👍🏽", " ", "\n", "-", ".", "the"]
)


@pytest.mark.parametrize("make", MAKERS)
@given(st.one_of(st.lists(fragments, max_size=20).map("".join), st.text(max_size=30)))
def test_every_visible_piece_is_in_exactly_one_word(
    make: Callable[[], Tokenizer], text: str
) -> None:
    pieces = spans(make, text)

    found = words_of(text, pieces)

    assert all(first.end <= second.start for first, second in pairwise(found))
    for word in found:
        assert word.text == text[word.start : word.end]
        assert word.text == word.text.strip() != ""
    visible = [one for one in pieces if text[one[1] : one[2]].strip()]
    for term, start, end in visible:
        inside = text[start:end]
        low = start + len(inside) - len(inside.lstrip())
        high = end - (len(inside) - len(inside.rstrip()))
        (word,) = [one for one in found if one.start <= low and high <= one.end]
        assert term in word.terms
    assert sum(len(word.terms) for word in found) >= len(visible)


@given(st.text(max_size=40), st.data())
def test_any_spans_of_a_text_are_taken(text: str, data: st.DataObject) -> None:
    ends = st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))
    pieces = [(1, min(one), max(one)) for one in data.draw(st.lists(ends, max_size=6))]

    found = words_of(text, pieces)

    assert all(first.end <= second.start for first, second in pairwise(found))
    assert sum(len(word.terms) for word in found) <= len(pieces)
