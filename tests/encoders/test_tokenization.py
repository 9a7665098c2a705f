import time
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Encoding, Tokenizer, models, pre_tokenizers, processors

import lsr.encoders.tokenization as tokenization
from lsr.encoders.tokenization import TextTokenizer
from lsr.errors import ConfigError, UnsupportedModelError
from tiny_models import WORDS, byte_level_tokenizer, unigram_tokenizer, word_piece_tokenizer

MAKERS = [word_piece_tokenizer, byte_level_tokenizer, unigram_tokenizer]

# Words, runs of white space, letters that combine, CJK, special tokens typed by a user, a word too
# long for WordPiece, which turns it into one unknown token, and white space that a token claims.
fragments = st.sampled_from(
    [
        *WORDS[:20],
        *(" ", "  ", "\n\n", "\t", ".", "...", "'s", "\u00a0", "e\u0301", "\u0301", "中文", "\x00"),
        *("[SEP]", "[MASK]", "<mask>", "</s>", "<|made_up|>", " " * 30 + "<|made_up|>"),
        *("ß", "Σ", "1", "23", "river" * 25),
    ]
) | st.text(st.characters(codec="utf-8"), max_size=5)
texts = st.lists(fragments, max_size=60).map("".join)


def whole_tokenization(make: Callable[[], Tokenizer], text: str, max_length: int) -> list[int]:
    """What the tokenizer itself gives when it truncates: the oracle."""
    backend = make()
    backend.add_special_tokens([AddedToken("<|made_up|>", lstrip=True, special=True)])
    backend.enable_truncation(max_length)
    return backend.encode(text).ids


@pytest.fixture
def cuts_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes prefixes so short that they are cut just behind the last token they must give."""
    monkeypatch.setattr(tokenization, "PREFIX_CHARACTERS_PER_TOKEN", 1)
    monkeypatch.setattr(tokenization, "PREFIX_GROWTH", 2)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.usefixtures("cuts_everywhere")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(text=texts, max_length=st.integers(3, 30))
def test_a_prefix_gives_the_tokens_of_the_whole_text(
    make: Callable[[], Tokenizer], text: str, max_length: int
) -> None:
    backend = make()
    backend.add_special_tokens([AddedToken("<|made_up|>", lstrip=True, special=True)])

    (tokenized,) = TextTokenizer(backend, max_length).tokenize([text])

    if tokenized.ids.size:
        assert tokenized.ids.tolist() == whole_tokenization(make, text, max_length)
    else:
        bare = backend.encode(text, add_special_tokens=False)
        assert text.isspace() or not bare.ids


@given(text=texts)
def test_truncation_is_reported_exactly(text: str) -> None:
    backend = word_piece_tokenizer()
    n_tokens = len(backend.encode(text, add_special_tokens=False).ids)

    (tokenized,) = TextTokenizer(backend, 10).tokenize([text])

    assert tokenized.is_truncated == (n_tokens > 8)


def test_growing_prefixes_reach_tokens_behind_a_desert(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    original = tokenization._n_settled

    def counted(encoding: Encoding, n_characters: int) -> int:
        sizes.append(n_characters)
        return original(encoding, n_characters)

    monkeypatch.setattr(tokenization, "_n_settled", counted)
    text = "river " + " " * 3000 + "ocean " * 4000

    (tokenized,) = TextTokenizer(word_piece_tokenizer(), 10).tokenize([text])

    assert tokenized.ids.tolist() == whole_tokenization(word_piece_tokenizer, text, 10)
    assert len(sizes) > 2
    assert max(sizes) < len(text) / 4


@pytest.mark.parametrize(
    "text",
    ["ocean river, " * 800_000, "中文" * 2_000_000, " " * 10_000_000],
    ids=["words", "without spaces", "blank"],
)
def test_ten_megabytes_cost_a_moment(text: str) -> None:
    tokenizer = TextTokenizer(word_piece_tokenizer(), 256)

    started = time.process_time()
    tokenizer.tokenize([text])

    assert time.process_time() - started < 0.5  # the whole text takes seconds


def test_a_tokenizer_without_word_boundaries_reads_the_whole_text() -> None:
    def make() -> Tokenizer:
        letters = {letter: number for number, letter in enumerate("abc ")}
        return Tokenizer(models.BPE({**letters, "c a": 4, "c ": 5}, [("c", " "), ("c ", "a")]))

    text = "abc " * 500
    (tokenized,) = TextTokenizer(make(), 7).tokenize([text])

    assert tokenized.ids.tolist() == whole_tokenization(make, text, 7)
    assert tokenized.is_truncated


def test_blank_text_has_no_tokens_even_where_white_space_is_one() -> None:
    backend = byte_level_tokenizer()
    assert backend.encode(" ", add_special_tokens=False).ids

    blank, empty = TextTokenizer(backend, 8).tokenize([" \n ", ""])

    assert blank.ids.size == empty.ids.size == 0


def test_tokenizer_is_not_changed_by_use() -> None:
    backend = word_piece_tokenizer()
    backend.enable_truncation(5)
    backend.enable_padding(length=20)
    tokenizer = TextTokenizer(backend, 8)

    tokenizer.tokenize(["river " * 50, "ocean"])

    assert backend.truncation is None
    assert backend.padding is None


def test_texts_keep_their_order_across_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenization, "CHUNK_TEXTS", 3)
    texts = ["ocean", "", "river " * 400, " ", "garden", "water " * 400, "music"]
    tokenizer = TextTokenizer(word_piece_tokenizer(), 8)

    together = [tokenized.ids.tolist() for tokenized in tokenizer.tokenize(texts)]

    assert together == [tokenizer.tokenize([text])[0].ids.tolist() for text in texts]


def test_no_room_for_text_is_refused() -> None:
    with pytest.raises(ConfigError, match="max_length is 2, but the model adds 2"):
        TextTokenizer(word_piece_tokenizer(), 2)


def test_a_post_processor_that_rewrites_the_text_is_refused() -> None:
    from tokenizers.processors import TemplateProcessing

    backend = word_piece_tokenizer()
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = TemplateProcessing(
        single="[CLS] [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )

    with pytest.raises(UnsupportedModelError, match="more to a text than adding special tokens"):
        TextTokenizer(backend, 8)


@pytest.mark.parametrize(
    ("make", "separator", "term"),
    [
        (word_piece_tokenizer, "[SEP]", 3),
        (byte_level_tokenizer, "</s>", 2),
        (unigram_tokenizer, "</s>", 2),
    ],
)
def test_the_separator_written_in_a_text_is_the_token_that_closes_it(
    make: Callable[[], Tokenizer], separator: str, term: int
) -> None:
    tokenizer = TextTokenizer(make(), 32)

    (tokenized,) = tokenizer.tokenize([f"ocean {separator} water"])

    assert tokenizer.separator == separator
    assert (tokenized.ids == term).sum() == 2
    assert tokenized.ids[-1] == term


@pytest.mark.parametrize("template", ["$A", "[CLS] $A"])
def test_texts_that_no_token_closes_are_separated_by_a_line_break(template: str) -> None:
    backend = word_piece_tokenizer()
    backend.post_processor = processors.TemplateProcessing(
        single=template, special_tokens=[("[CLS]", 2)]
    )

    assert TextTokenizer(backend, 8).separator == "\n"


def test_a_closing_token_that_no_text_can_hold_does_not_separate() -> None:
    """The vocabulary knows it, but splits it into pieces where it is written."""
    vocabulary = {piece: number for number, piece in enumerate(["<", "end", ">", "<end>", "a"])}
    backend = Tokenizer(models.WordLevel(vocabulary))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing(
        single="$A <end>", special_tokens=[("<end>", 3)]
    )

    assert TextTokenizer(backend, 8).separator == "\n"
