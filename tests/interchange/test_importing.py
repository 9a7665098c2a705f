from pathlib import Path

import pytest

from lsr.errors import ConfigError, InvalidInputError
from lsr.interchange import IMPORTS, document_files


def fill(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ("name", "files", "expected"),
    [
        ("anserini", ["b.jsonl.gz", "a.json", "c.txt"], ["a.json", "b.jsonl.gz"]),
        (
            "anserini",
            ["collection/documents.jsonl", "lsr-export.json"],
            ["collection/documents.jsonl"],
        ),
        ("ciff", ["robust04.ciff.gz", "lsr-export.json"], ["robust04.ciff.gz"]),
        ("lsr-benchmark", ["doc/doc-embeddings.npz"], ["doc/doc-embeddings.npz"]),
    ],
)
def test_the_files_of_documents_are_found(
    tmp_path: Path, name: str, files: list[str], expected: list[str]
) -> None:
    folder = fill(tmp_path, *files)

    assert document_files(name, folder) == [folder / one for one in expected]


@pytest.mark.parametrize("name", IMPORTS)
def test_a_file_is_itself(tmp_path: Path, name: str) -> None:
    (tmp_path / "f").touch()

    assert document_files(name, tmp_path / "f") == [tmp_path / "f"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("anserini", "holds no documents"),
        ("ciff", r"holds no index\.ciff"),
        ("lsr-benchmark", r"holds no doc/doc-embeddings\.npz"),
    ],
)
def test_a_folder_without_documents_is_refused(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        document_files(name, tmp_path)
    with pytest.raises(InvalidInputError, match="no file or folder"):
        document_files(name, tmp_path / "nowhere")


def test_one_of_many_indexes_must_be_named(tmp_path: Path) -> None:
    fill(tmp_path, "a.ciff", "b.ciff")

    with pytest.raises(InvalidInputError, match="2 files of CIFF, each an index of its own"):
        document_files("ciff", tmp_path)


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no format 'pisa'; choose one of anserini, ciff"):
        document_files("pisa", tmp_path)
