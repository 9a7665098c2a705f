"""Which reader reads a corpus? The one that its name, or its place, calls for.

What reads Parquet is imported where it is called for: it takes as long as a small search.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lsr.corpus.batches import grouped
from lsr.corpus.beir import beir_file
from lsr.corpus.ciff import ENDING as CIFF_ENDING
from lsr.corpus.ciff import ciff_batches, ciff_size
from lsr.corpus.ir_datasets_corpus import PREFIX, ir_datasets_records, ir_datasets_size
from lsr.corpus.json_lines import json_file, json_lines
from lsr.corpus.matrix import matrix_batches, matrix_size
from lsr.corpus.opening import CODECS, chunks, stdin_chunks
from lsr.corpus.records import DOCUMENT_FORM, RecordForm, Report, refuse
from lsr.corpus.tables import csv_records, tsv_records
from lsr.corpus.vector_folder import (
    MANIFEST_NAME,
    is_vector_folder,
    read_complete_folder,
    vector_folder_batches,
)
from lsr.documents import DocumentBatch
from lsr.errors import InvalidInputError, LsrError

STDIN = "-"

_TEXT_READERS = {
    ".jsonl": json_lines,
    ".json": json_file,
    ".csv": csv_records,
    ".tsv": tsv_records,
}

_LINE_ENDINGS = {".jsonl", ".tsv"}
"""Of files with a line a document."""


def read_documents(
    source: str | Path, *, skip_bad: Callable[[LsrError], None] | None = None
) -> Iterator[DocumentBatch]:
    """Read a corpus, of texts or of vectors, in batches of bounded size.

    Args:
        source: a ``.jsonl``, ``.json``, ``.csv``, ``.tsv``, ``.ciff`` (each also with ``.gz`` or
            ``.zst``), ``.parquet`` or ``.npz`` file, a BEIR folder, a folder that ``lsr encode``
            wrote, ``irds:`` and an ir_datasets id, or ``-`` for JSON lines on standard input.
        skip_bad: receives the error of each bad line or row, which is then left out; without
            it the first one is raised.

    Raises:
        InvalidInputError: the corpus does not exist, is empty, damaged or of an unknown kind.
        MissingDependencyError: ir_datasets is needed but not installed.

    Example:
        >>> for batch in read_documents("scifact"):        # doctest: +SKIP
        ...     print(len(batch.documents), batch.documents[0].doc_id)
    """
    return read_batches(source, DOCUMENT_FORM, skip_bad or refuse)


def corpus_size(source: str | Path, *, count: bool = False) -> int | None:
    """Return the number of documents if that is cheap to know, else None.

    Args:
        source: see `read_documents`.
        count: count the lines of a file that has one a document, the bad ones among them, although
            that reads the file.
    """
    if str(source).startswith(PREFIX):
        return ir_datasets_size(str(source))
    if str(source) == STDIN:
        return None
    path = _existing(source)
    if is_vector_folder(path):
        return read_complete_folder(path).n_docs
    if path.suffix.lower() == ".parquet":
        from lsr.corpus.parquet import parquet_size

        return parquet_size(path)
    if path.suffix.lower() == ".npz":
        return matrix_size(path)
    if _ending(path) == CIFF_ENDING:
        return ciff_size(path)
    return _n_lines(path) if count else None


def corpus_state(source: str | Path) -> str | None:
    """Return what changes when the corpus does; None for a stream, which can be read only once.

    For a file that is its size and the time of its last change.
    """
    if str(source) == STDIN:
        return None
    if str(source).startswith(PREFIX):
        return str(source)
    path = _existing(source)
    if is_vector_folder(path):
        path /= MANIFEST_NAME
    facts = (beir_file(path, DOCUMENT_FORM) if path.is_dir() else path).stat()
    return f"{facts.st_size} bytes, changed at {facts.st_mtime_ns}"


def embedded_encoder_settings(source: str | Path) -> dict[str, Any] | None:
    """Return the settings of the encoder that made the vectors, if the corpus carries them."""
    if is_vector_folder(Path(source)):
        return read_complete_folder(Path(source)).encoder
    if Path(source).suffix.lower() != ".parquet":
        return None
    from lsr.corpus.parquet import parquet_encoder_settings

    return parquet_encoder_settings(_existing(source))


def read_batches(source: str | Path, form: RecordForm, report: Report) -> Iterator[DocumentBatch]:
    """Read documents or queries; what is missing or unknown is refused at once, not at first use.

    Raises:
        InvalidInputError: as `read_documents`.
        MissingDependencyError: as `read_documents`.
    """
    return _not_empty(_batches(str(source), form, report), str(source), form)


def _batches(source: str, form: RecordForm, report: Report) -> Iterator[DocumentBatch]:
    if source == STDIN:
        return grouped(json_lines(stdin_chunks(), "stdin", form, report), report)
    if source.startswith(PREFIX):
        return grouped(ir_datasets_records(source, form, report), report)
    path = _existing(source)
    if is_vector_folder(path):
        return vector_folder_batches(path, form, report)
    return _file_batches(beir_file(path, form) if path.is_dir() else path, form, report)


def _n_lines(path: Path) -> int | None:
    file = beir_file(path, DOCUMENT_FORM) if path.is_dir() else path
    if _ending(file) not in _LINE_ENDINGS:
        return None
    return sum(chunk.count(b"\n") for chunk in chunks(file))


def _existing(source: str | Path) -> Path:
    path = Path(source)
    if not path.exists():
        raise InvalidInputError(
            f"There is no file or folder {str(source)!r}; check the path, or write {PREFIX}ID for "
            "a dataset of ir_datasets."
        )
    return path


def _file_batches(path: Path, form: RecordForm, report: Report) -> Iterator[DocumentBatch]:
    ending = path.suffix.lower()
    if ending == ".parquet":
        from lsr.corpus.parquet import parquet_batches

        return parquet_batches(path, form, report)
    if ending == ".npz":
        return matrix_batches(path, report)
    ending = _ending(path)
    if ending == CIFF_ENDING:
        return ciff_batches(path, report)
    if ending not in _TEXT_READERS:
        raise InvalidInputError(
            f"{path} has none of the known endings {', '.join(_TEXT_READERS)}, {CIFF_ENDING} "
            f"(plain or followed by {' or '.join(CODECS)}), .parquet and .npz; rename or convert "
            "it."
        )
    return grouped(_TEXT_READERS[ending](chunks(path), str(path), form, report), report)


def _ending(path: Path) -> str:
    """Return the ending of a file's name, before that of a compressed one."""
    ending = path.suffix.lower()
    return Path(path.stem).suffix.lower() if ending in CODECS else ending


def _not_empty(
    batches: Iterator[DocumentBatch], source: str, form: RecordForm
) -> Iterator[DocumentBatch]:
    n_found = 0
    for batch in batches:
        if batch.documents:
            n_found += len(batch.documents)
            yield batch
    if not n_found:
        name = "Standard input" if source == STDIN else source
        raise InvalidInputError(f"{name} holds no {form.noun}; check that it is the right one.")
