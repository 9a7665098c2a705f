import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsr.term_names import name_reader
from tiny_models import byte_level_tokenizer, unigram_tokenizer, word_piece_tokenizer

BYTE_LEVEL = list(byte_level_tokenizer().get_vocab())
SENTENCE_PIECE = list(unigram_tokenizer().get_vocab())
WORD_PIECE = list(word_piece_tokenizer().get_vocab())


def byte_level_name(text: str) -> str:
    """Spell a text as byte-level tokenizers do."""
    from tokenizers import pre_tokenizers

    splitter = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return "".join(piece for piece, _ in splitter.pre_tokenize_str(text))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Ġthe", "the"),
        ("ing", "##ing"),
        ("Ġ", "␣"),
        ("ĠĠ", "␣"),
        ("Ġcaf\u00c3\u00a9", "café"),
        ("Ã©t", "##ét"),
        ("Ã", r"\xc3"),
        (".", "."),
        ("_", "_"),
        ("æĹ¥", "日"),
        ("ĠÃŃ", "í"),  # byte 0xad is a soft hyphen, and has a stand-in
        ("Ċ", r"\n"),
        ("<s>", "<s>"),
        ("<|endoftext|>", "<|endoftext|>"),
        ("日本", "日本"),  # no spelling of bytes
    ],
)
def test_byte_level_pieces_are_turned_back_into_letters(name: str, expected: str) -> None:
    assert name_reader(BYTE_LEVEL)(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("▁the", "the"), ("tri", "##tri"), ("▁", "␣"), (",", ","), ("<unk>", "<unk>"), ("学", "学")],
)
def test_sentence_pieces_lose_their_space(name: str, expected: str) -> None:
    assert name_reader(SENTENCE_PIECE)(name) == expected


@pytest.mark.parametrize("name", ["the", "##ing", "[SEP]", "▁", "Ġ"])
def test_word_pieces_stay_as_they_are(name: str) -> None:
    assert name_reader(WORD_PIECE)(name) == name


@pytest.mark.parametrize("names", [[], ["cat", "milk"], ["▁"], ["Ġ"]])
def test_a_vocabulary_without_marks_is_left_alone(names: list[str]) -> None:
    assert name_reader(names)("milk") == "milk"


def test_nothing_invisible_is_shown() -> None:
    assert name_reader([])("a\tb\x1b[31m\u200b") == r"a\tb\x1b[31m\u200b"


@given(st.text(min_size=1))
def test_any_text_spelt_in_bytes_comes_back(text: str) -> None:
    shown = name_reader(BYTE_LEVEL)("Ġ" + byte_level_name(text))

    if text.isprintable() and " " not in text:
        assert shown == text
    else:
        assert all(letter.isprintable() for letter in shown)
