"""transformers, which wrote the files, says what tokenizer they describe."""

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from lsr.encoders.tokenizer_files import read_tokenizer
from lsr.errors import UnsupportedModelError
from tiny_models import KINDS, WORDS

TEXTS = [
    "Sparse retrieval, with learned WEIGHTS!",
    "the Río and the Ocean [SEP] <pad> </s>",
    "水water \t\x00 end",
    "[MASK] unknowable",
    "",
]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = [*SPECIAL, *WORDS, "rio", "río", "水", "WEIGHTS", "Ocean"]


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    """A folder of the kind that models had before tokenizer.json."""
    lines = "".join(f"{piece}\n" for piece in dict.fromkeys([*PIECES, ",", "!", "水"]))
    (tmp_path / "vocab.txt").write_text(lines, encoding="utf-8")
    return tmp_path


def configure(folder: Path, **options: Any) -> None:
    options = {"tokenizer_class": "BertTokenizer", **options}
    (folder / "tokenizer_config.json").write_text(json.dumps(options))


def assert_same(folder: Path, model_type: str) -> None:
    ours = read_tokenizer(folder, model_type)
    theirs = AutoTokenizer.from_pretrained(folder)
    assert ours is not None
    assert ours.get_vocab() == theirs.get_vocab()
    ours.no_truncation()
    for text in TEXTS:
        assert ours.encode(text).ids == theirs(text)["input_ids"], text


@pytest.mark.parametrize("kind", KINDS)
def test_tokenizer_json_says_all(tiny_models: dict[str, Path], kind: str) -> None:
    assert_same(tiny_models[kind], kind)


def test_the_small_real_model_is_tokenized_alike(splade_tiny: Path) -> None:
    assert_same(splade_tiny, "bert")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"tokenizer_class": "BertTokenizerFast"},
        {"tokenizer_class": "DistilBertTokenizer"},
        {"do_lower_case": False},
        {"do_lower_case": False, "strip_accents": True},
        {"strip_accents": False},
        {"tokenize_chinese_chars": False},
        {"unk_token": "the", "mask_token": {"content": "ocean", "__type": "AddedToken"}},
        {"added_tokens_decoder": {"2": {"content": "[CLS]", "special": True}}},
    ],
    ids=str,
)
def test_a_vocabulary_and_options_make_a_word_piece_tokenizer(
    vocabulary: Path, options: dict[str, Any]
) -> None:
    configure(vocabulary, **options)

    assert_same(vocabulary, "bert")


def test_a_vocabulary_alone_is_that_of_bert(vocabulary: Path) -> None:
    (vocabulary / "config.json").write_text('{"model_type": "bert"}')

    assert_same(vocabulary, "bert")


def test_special_tokens_may_stand_in_a_file_of_their_own(vocabulary: Path) -> None:
    (vocabulary / "special_tokens_map.json").write_text('{"sep_token": "ocean"}')

    tokenizer = read_tokenizer(vocabulary, "bert")

    assert tokenizer is not None
    assert tokenizer.encode("water").tokens == ["[CLS]", "water", "ocean"]


@pytest.mark.parametrize(
    "options",
    [
        {"tokenizer_class": "BertJapaneseTokenizer"},
        {"added_tokens_decoder": {"900": {"content": "new", "special": False}}},
    ],
    ids=str,
)
def test_what_only_transformers_can_tell(vocabulary: Path, options: dict[str, Any]) -> None:
    configure(vocabulary, **options)

    assert read_tokenizer(vocabulary, "bert") is None


def test_added_tokens_in_a_file_of_their_own_are_left_to_transformers(vocabulary: Path) -> None:
    (vocabulary / "added_tokens.json").write_text('{"new": 900}')

    assert read_tokenizer(vocabulary, "bert") is None


def test_other_types_with_a_vocabulary_are_left_to_transformers(vocabulary: Path) -> None:
    assert read_tokenizer(vocabulary, "roberta") is None


def test_no_files_make_no_tokenizer(tmp_path: Path) -> None:
    assert read_tokenizer(tmp_path, "bert") is None


def test_a_vocabulary_without_its_special_tokens_is_refused(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("water\nocean\n")

    with pytest.raises(UnsupportedModelError, match=r"vocab\.txt lacks '\[UNK\]', the unk_token"):
        read_tokenizer(tmp_path, "bert")


def test_a_vocabulary_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(UnsupportedModelError, match=r"vocab\.txt cannot be read"):
        read_tokenizer(tmp_path, "bert")
