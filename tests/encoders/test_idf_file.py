import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lsr.encoders import load_encoder
from lsr.encoders.idf import TermCounter, TermCounts
from lsr.encoders.idf_file import counts_file, read_idf, write_idf
from lsr.encoders.query_table import read_query_table
from lsr.encoders.tokenizer_loading import ModelTokenizer, load_tokenizer
from lsr.errors import DiskFullError, InvalidInputError, UnsupportedModelError
from tiny_models import word_piece_tokenizer

TEXTS = ["the water of the ocean", "the river", "", "a garden, naïve"]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> ModelTokenizer:
    folder = tmp_path_factory.mktemp("tokenizer")
    word_piece_tokenizer().save(str(folder / "tokenizer.json"))
    return load_tokenizer(str(folder))


@pytest.fixture
def counts(tokenizer: ModelTokenizer) -> TermCounts:
    counter = TermCounter(tokenizer)
    counter.add(TEXTS)
    return counter.counts(["sea", "land"])


@pytest.fixture
def table(counts: TermCounts, tmp_path: Path) -> Path:
    write_idf(tmp_path / "idf.json", counts)
    return tmp_path / "idf.json"


def test_the_table_names_every_token_in_the_order_of_ids(
    table: Path, counts: TermCounts, tokenizer: ModelTokenizer
) -> None:
    named = json.loads(table.read_text())

    assert list(named) == list(tokenizer.ids)
    assert np.array(list(named.values()), np.float32).tolist() == counts.weights().tolist()


def test_our_reader_reads_what_was_written(table: Path, counts: TermCounts) -> None:
    tokens = [*counts.tokens, "[no token 99]"]

    found = read_query_table(table, tokens, [])

    assert found.tolist() == [*counts.weights().tolist(), 0.0]


@pytest.mark.parametrize("unseen", [None, 0.0, 1.25])
def test_the_counts_come_back(counts: TermCounts, tmp_path: Path, unseen: float | None) -> None:
    write_idf(tmp_path / "idf.json", counts, unseen)

    found, policy = read_idf(tmp_path / "idf.json")

    assert policy == unseen
    np.testing.assert_array_equal(found.document_frequencies, counts.document_frequencies)
    for name in ("model", "corpora", "tokens", "special", "n_docs", "n_empty", "fingerprint"):
        assert getattr(found, name) == getattr(counts, name)


def test_a_model_with_the_table_in_its_folder_answers_queries_by_it(
    table: Path, counts: TermCounts, spoilt_copy: Callable[[], Path]
) -> None:
    folder = spoilt_copy()
    shutil.copy(table, folder)

    encoder = load_encoder(str(folder), max_length=32)

    named = dict(zip(counts.tokens, counts.weights().tolist(), strict=True))
    (found,) = encoder.decode(encoder.encode_queries(["The river river [SEP] engine"]))
    assert found == {token: named[token] for token in ("the", "river", "engine")}


@pytest.mark.slow  # importing sentence-transformers takes seconds
def test_sentence_transformers_reads_the_same_weights(
    table: Path, tokenizer: ModelTokenizer, counts: TermCounts
) -> None:
    from sentence_transformers.sparse_encoder.modules import SparseStaticEmbedding
    from transformers import PreTrainedTokenizerFast

    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=word_piece_tokenizer(), pad_token="[PAD]", unk_token="[UNK]"
    )
    module = SparseStaticEmbedding.from_json(str(table), wrapped)

    assert module.weight.detach().tolist() == counts.weights().tolist()
    (vector,) = module(module.preprocess(["the river"]))["sentence_embedding"].tolist()
    named = dict(zip(counts.tokens, counts.weights().tolist(), strict=True))
    assert {counts.tokens[at]: one for at, one in enumerate(vector) if one} == {
        token: named[token] for token in ("the", "river")
    }


def test_a_failure_leaves_what_was_there(
    table: Path, counts: TermCounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {file.name: file.read_bytes() for file in table.parent.iterdir()}
    n_syncs = 0

    def full(descriptor: int) -> None:
        nonlocal n_syncs
        n_syncs += 1
        if n_syncs == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DiskFullError, match=r"idf\.json could not be written"):
        write_idf(table, counts.merged(counts))

    assert {file.name: file.read_bytes() for file in table.parent.iterdir()} == before


def test_a_folder_that_is_missing_is_named(counts: TermCounts, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="cannot be written: No such file"):
        write_idf(tmp_path / "none" / "idf.json", counts)


def test_a_table_without_counts_says_so(table: Path) -> None:
    counts_file(table).unlink()

    with pytest.raises(InvalidInputError, match=r"has no idf\.counts\.json beside it"):
        read_idf(table)


def test_a_table_that_was_changed_does_not_belong_to_its_counts(
    table: Path, tokenizer: ModelTokenizer
) -> None:
    named = json.loads(table.read_text())
    for changed in ({**named, "the": 9.0}, {**named, "wasser": 1.0}, {"the": named["the"]}):
        table.write_text(json.dumps(changed))

        with pytest.raises(InvalidInputError, match="do not belong together"):
            read_idf(table)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("n_docs", 1, "'the' occurs in more documents than there are"),
        ("vocabulary", "0", "other tokens than it was written with"),
        ("version", 2, "cannot be read"),
        ("format", "other", "cannot be read"),
        ("n_docs", 0, "cannot be read"),
        ("n_empty", -1, "cannot be read"),
        ("unseen", "most", "cannot be read"),
        ("unseen", -1.0, "cannot be read"),
        ("document_frequencies", {"the": -1}, "cannot be read"),
        ("document_frequencies", {"the": 1.5}, "cannot be read"),
        ("more", 1, "cannot be read"),
    ],
)
def test_damaged_counts_are_refused(table: Path, field: str, value: object, message: str) -> None:
    file = counts_file(table)
    file.write_text(json.dumps({**json.loads(file.read_text()), field: value}))

    with pytest.raises(InvalidInputError, match=message):
        read_idf(table)


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"{"])
def test_counts_that_are_no_json_are_refused(table: Path, content: bytes) -> None:
    counts_file(table).write_bytes(content)

    with pytest.raises(InvalidInputError, match="cannot be read"):
        read_idf(table)


def test_a_damaged_table_is_refused(table: Path) -> None:
    table.write_text("{")

    with pytest.raises(UnsupportedModelError, match="not readable JSON"):
        read_idf(table)
