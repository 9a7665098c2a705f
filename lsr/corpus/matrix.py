"""How are vectors in a SciPy ``.npz`` matrix read? Together with a text file of ids."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.corpus.batches import MAX_BATCH_DOCUMENTS
from lsr.corpus.opening import chunks, lines
from lsr.corpus.records import Report, convert_sound_rows
from lsr.documents import Document, DocumentBatch, checked_id
from lsr.errors import InvalidInputError
from lsr.sparse import MAX_TERM_ID, SparseBatch

_ARRAYS = ("data", "indices", "indptr")
_UNREADABLE = (ValueError, OSError, EOFError, KeyError, MemoryError, zipfile.BadZipFile, zlib.error)


def matrix_batches(path: Path, report: Report) -> Iterator[DocumentBatch]:
    """Yield the rows of a CSR matrix in batches, with ids from the file beside it.

    Raises:
        InvalidInputError: the matrix is damaged or not CSR, or ids are missing or too few.
    """
    arrays = _loaded(path, (*_ARRAYS, "shape", "format"))
    n_terms = _n_terms(path, arrays)
    weights, terms = arrays["data"], arrays["indices"]
    indptr = arrays["indptr"].astype(np.int64)
    ids_path, ids = _ids(path, indptr.size - 1)
    for start in range(0, len(ids), MAX_BATCH_DOCUMENTS):
        stop = min(start + MAX_BATCH_DOCUMENTS, len(ids))

        def convert(rows: Sequence[int], start: int = start) -> DocumentBatch:
            numbers = np.asarray(rows, dtype=np.int64) + start
            documents = [
                Document(_id(ids[n], f"{ids_path}:{n + 1}"), place=f"{path}: row {n + 1}")
                for n in numbers.tolist()
            ]
            starts, sizes = indptr[numbers], indptr[numbers + 1] - indptr[numbers]
            ends = np.append(0, np.cumsum(sizes))
            at = np.repeat(starts - ends[:-1], sizes) + np.arange(ends[-1])
            vectors = SparseBatch.from_arrays(
                ends, terms[at], weights[at], n_terms, place=lambda row: documents[row].place
            )
            return DocumentBatch(documents, vectors)

        yield convert_sound_rows(stop - start, convert, report)


def matrix_size(path: Path) -> int | None:
    """Return the number of rows, or None if the file is none that can be read."""
    indptr = _loaded(path, ("indptr",)).get("indptr")
    return None if indptr is None else indptr.size - 1


def _loaded(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("it is a single array")
            return {name: archive[name] for name in names if name in archive}
    except _UNREADABLE as error:
        reason = str(error).strip().rstrip(".") or type(error).__name__
        raise InvalidInputError(
            f"{path} cannot be read as an .npz archive ({reason}); write it with "
            "scipy.sparse.save_npz."
        ) from error


def _n_terms(path: Path, arrays: dict[str, NDArray[Any]]) -> int:
    """Check that the arrays make a CSR matrix and return its number of columns."""
    layout = arrays.get("format")
    kind = layout.item() if layout is not None and layout.ndim == 0 else b"csr"
    missing = [name for name in _ARRAYS if name not in arrays]
    if missing or kind not in (b"csr", "csr"):
        found = f"has format {kind!r}" if not missing else f"lacks {', '.join(missing)}"
        raise InvalidInputError(
            f"{path}: the archive {found}; write the matrix with scipy.sparse.save_npz in CSR "
            "format."
        )
    data, indices, indptr = (arrays[name] for name in _ARRAYS)
    for name, array, allowed in (
        ("data", data, (np.integer, np.floating)),
        ("indices", indices, (np.integer,)),
        ("indptr", indptr, (np.integer,)),
    ):
        if array.ndim != 1 or not any(np.issubdtype(array.dtype, kind) for kind in allowed):
            raise InvalidInputError(
                f"{path}: {name} is of type {array.dtype} with {array.ndim} dimensions, which no "
                "CSR matrix has."
            )
    falls = indptr.size == 0 or indptr[0] != 0 or bool((indptr[1:] < indptr[:-1]).any())
    if falls or indptr[-1] != data.size or data.size != indices.size:
        raise InvalidInputError(
            f"{path}: indptr, indices ({indices.size}) and data ({data.size}) do not fit each "
            "other; write the matrix with scipy.sparse.save_npz."
        )
    shape = arrays.get("shape")
    if shape is None:
        return int(min(indices.max(initial=0), MAX_TERM_ID)) + 1
    if shape.shape != (2,) or not np.issubdtype(shape.dtype, np.integer):
        raise InvalidInputError(f"{path}: shape is {shape.tolist()}, not two integers.")
    if shape[0] != indptr.size - 1 or not 1 <= shape[1] <= MAX_TERM_ID + 1:
        raise InvalidInputError(
            f"{path}: shape is {shape.tolist()}, but there are {indptr.size - 1} rows, and "
            f"1 to {MAX_TERM_ID + 1} columns are possible."
        )
    return int(shape[1])


def _ids(path: Path, n_rows: int) -> tuple[Path, list[bytes]]:
    stems = [f"{path.stem}.ids", f"{path.stem}-ids"]
    if path.stem.endswith("-embeddings"):
        stems.append(f"{path.stem.removesuffix('-embeddings')}-ids")
    candidates = [path.with_name(f"{stem}.txt") for stem in stems]
    found = next((candidate for candidate in candidates if candidate.is_file()), None)
    if found is None:
        names = " or ".join(candidate.name for candidate in candidates)
        raise InvalidInputError(
            f"{path}: there are no ids; write them, one per line, to {names} beside it."
        )
    ids = [line.removesuffix(b"\r") for _, line in lines(chunks(found), str(found))]
    if len(ids) != n_rows:
        raise InvalidInputError(
            f"{found} holds {len(ids)} ids, but {path} has {n_rows} rows; write one id per row."
        )
    return found, ids


def _id(line: bytes, place: str) -> str:
    try:
        return checked_id(line.decode(), place)
    except UnicodeDecodeError:
        raise InvalidInputError(f"{place}: the id {line!r} is not valid UTF-8.") from None
