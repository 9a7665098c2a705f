from pathlib import Path

import pytest

import lsr.corpus
from corpora import Skim, Write
from lsr.corpus import corpus_size, embedded_encoder_settings, read_documents
from lsr.errors import InvalidInputError

LINE = '{"_id": "1", "text": "x"}\n'


def test_public_names() -> None:
    assert sorted(lsr.corpus.__all__) == [
        "corpus_size",
        "corpus_state",
        "embedded_encoder_settings",
        "find_beir_file",
        "part_of",
        "read_conversation",
        "read_documents",
        "read_histories",
        "read_queries",
    ]


def test_a_missing_file_is_refused_before_the_first_batch(tmp_path: Path) -> None:
    for read in (read_documents, corpus_size):
        with pytest.raises(InvalidInputError, match="There is no file or folder '/"):
            read(str(tmp_path / "nowhere.jsonl"))


@pytest.mark.parametrize("name", ["c.txt", "c", "c.gz", "c.parquet.gz", "c.jsonl.bz2", "c.npz.zst"])
def test_an_unknown_ending_is_refused_with_the_known_ones(write: Write, name: str) -> None:
    path = write(name, LINE)

    with pytest.raises(
        InvalidInputError, match=r"\.jsonl, \.json, \.csv, \.tsv, \.ciff .*\.gz or \.zst"
    ):
        read_documents(path)


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff"])
@pytest.mark.parametrize("name", ["c.jsonl", "c.json", "c.csv", "c.tsv"])
def test_an_empty_corpus_is_an_error(write: Write, name: str, content: str) -> None:
    path = write(name, content)

    with pytest.raises(InvalidInputError, match="holds no documents"):
        list(read_documents(path))


@pytest.mark.parametrize(
    ("name", "content"), [("c.json", "[]"), ("c.csv", "id,text\n"), ("c.tsv", "id\ttext\n")]
)
def test_a_corpus_of_no_rows_is_an_error(write: Write, name: str, content: str) -> None:
    path = write(name, content)

    with pytest.raises(InvalidInputError, match="holds no documents"):
        list(read_documents(path))


def test_a_corpus_of_bad_lines_only_is_an_error(write: Write, skim: Skim) -> None:
    path = write("c.jsonl", "{\n" * 3)

    with pytest.raises(InvalidInputError, match="holds no documents"):
        skim(path)


@pytest.mark.parametrize("name", ["corpus.jsonl", "corpus.jsonl.gz", "corpus.jsonl.zst"])
def test_finds_the_corpus_of_a_beir_folder(tmp_path: Path, name: str) -> None:
    import pyarrow as pa

    with pa.output_stream(tmp_path / name, compression="detect") as file:
        file.write(LINE.encode())

    (batch,) = read_documents(str(tmp_path))

    assert batch.documents[0].place == f"{tmp_path / name}:1"
    assert corpus_size(tmp_path) is None


def test_another_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.jsonl").write_text(LINE)

    with pytest.raises(InvalidInputError, match=r"not a BEIR folder: it holds none of corpus\."):
        read_documents(str(tmp_path))


def test_an_unreadable_file_is_one_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "corpus.parquet"
    folder.mkdir()

    with pytest.raises(InvalidInputError, match="not a BEIR folder"):
        read_documents(str(folder))


def test_texts_carry_no_encoder(write: Write) -> None:
    assert embedded_encoder_settings(write("c.jsonl", LINE)) is None
