from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

import lsr.encoders.distinct_terms as subject
from lsr.encoders.distinct_terms import distinct_terms
from lsr.errors import InvalidInputError
from tiny_models import WORDS, byte_level_tokenizer, unigram_tokenizer, word_piece_tokenizer

MAKERS = [word_piece_tokenizer, byte_level_tokenizer, unigram_tokenizer]
fragments = st.sampled_from(
    [*WORDS[:8], " ", "\n", "  ", ".", "[SEP]", "é", "e\u0301", "中文", "🌊", "river" * 25]
)
texts = st.lists(fragments, max_size=30).map("".join)


def expected(backend: Tokenizer, text: str) -> list[int]:
    """Tokenize one text alone."""
    if not text.strip():
        return []
    return sorted(set(backend.encode(text, add_special_tokens=False).ids))


@pytest.mark.parametrize("make", MAKERS)
@given(st.lists(texts, max_size=8))
def test_every_text_has_the_terms_it_has_alone(
    make: Callable[[], Tokenizer], texts: list[str]
) -> None:
    backend = make()

    found = [terms.tolist() for terms in distinct_terms(backend, texts)]

    assert found == [expected(backend, text) for text in texts]


@pytest.mark.parametrize("make", MAKERS)
@given(st.lists(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join), max_size=5))
def test_pieces_that_end_before_spaces_have_the_terms_of_the_whole(
    make: Callable[[], Tokenizer], texts: list[str]
) -> None:
    backend = make()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subject, "CHUNK_CHARACTERS", 12)
        found = [terms.tolist() for terms in distinct_terms(backend, texts)]

    assert found == [expected(backend, text) for text in texts]


@pytest.mark.parametrize("letter", ["x", " ", "\n", "中"])
def test_a_text_without_a_place_to_cut_is_read_to_its_end(letter: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subject, "CHUNK_CHARACTERS", 10)
        (found, last) = distinct_terms(word_piece_tokenizer(), [letter * 95 + " ocean", "the"])

    tokenizer = word_piece_tokenizer()
    assert tokenizer.token_to_id("ocean") in found
    assert last.tolist() == [tokenizer.token_to_id("the")]


def test_no_chunk_is_much_longer_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "CHUNK_CHARACTERS", 50)
    backend = word_piece_tokenizer()
    seen: list[list[str]] = []

    class Spy:
        def encode_batch_fast(self, texts: list[str], *, add_special_tokens: bool) -> object:
            seen.append(texts)
            return backend.encode_batch_fast(texts, add_special_tokens=add_special_tokens)

    list(distinct_terms(Spy(), ["the ocean " * 40, "water", "a " * 30, "river"]))  # type: ignore[arg-type]

    assert max(sum(map(len, texts)) for texts in seen) <= 50
    assert "".join(text for texts in seen for text in texts).startswith("the ocean " * 40)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("water", r"pass \[text\]"),
        (["water", 3], "Text 1 is a int"),
        (["\ud800"], "half a surrogate pair"),
    ],
)
def test_what_is_no_text_is_refused(texts: list[str], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        list(distinct_terms(word_piece_tokenizer(), texts))
