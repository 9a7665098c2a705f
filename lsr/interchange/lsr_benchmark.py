"""How does lsr-benchmark get an index? As a folder of embeddings: matrices, and files of ids.

    doc/doc-embeddings.npz, doc/doc-ids.txt
    query/query-embeddings.npz, query/query-ids.txt
    terms.json                                         name of each column

An ``.npz`` is an archive of arrays; those of a matrix in CSR form are data, indices and indptr.
SciPy's own function for such files reads them too.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from lsr.index.storage import make_folder
from lsr.interchange.folder import new_file
from lsr.interchange.formats import ExportFormat, NamedQueries
from lsr.interchange.numbered_terms import write_term_names
from lsr.interchange.source import Source
from lsr.interchange.values import Holds

Chunks = Iterable[NDArray[Any]]


def _write(source: Source, folder: Path) -> None:
    sizes = source.statistics().n_terms

    def weights() -> Iterator[NDArray[Any]]:
        for one in source.ranges():
            yield one.values
            source.progress(len(one.doc_ids))

    terms = (one.terms for one in source.ranges())
    _write_folder(folder / "doc", len(source.names), sizes, weights(), terms, source.doc_ids())
    write_term_names(source, folder)


def _write_queries(source: Source, queries: NamedQueries, folder: Path) -> None:
    vectors = queries.vectors
    sizes, chunks = vectors.active_dims, ([vectors.weights], [vectors.terms])
    _write_folder(folder / "query", len(source.names), sizes, *chunks, queries.query_ids)


def _write_folder(
    folder: Path,
    n_terms: int,
    sizes: NDArray[np.int64],
    weights: Chunks,
    terms: Chunks,
    ids: Iterable[str],
) -> None:
    make_folder(folder)
    indptr = np.append(0, np.cumsum(sizes))
    n_weights = int(indptr[-1])
    shape = np.array([sizes.size, max(1, n_terms)])
    with (
        new_file(folder / f"{folder.name}-embeddings.npz") as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive,  # type: ignore[call-overload]
    ):
        _write_array(archive, "data", "<f4", (n_weights,), weights)
        _write_array(archive, "indices", "<i4", (n_weights,), terms)
        _write_array(archive, "indptr", "<i8", indptr.shape, [indptr])
        _write_array(archive, "shape", "<i8", shape.shape, [shape])
        _write_array(archive, "format", "|S3", (), [np.array(b"csr")])
    with new_file(folder / f"{folder.name}-ids.txt") as file:
        for one in ids:
            file.write(f"{one}\n".encode())


def _write_array(
    archive: zipfile.ZipFile, name: str, dtype: str, shape: tuple[int, ...], chunks: Chunks
) -> None:
    """Append an array whose values come in chunks; its member is the same for the same values."""
    # Without a date of its own: 1980, the first that an archive can name.
    with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
        header = {"descr": dtype, "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(member, header)
        for chunk in chunks:
            member.write(np.ascontiguousarray(chunk, dtype=dtype).data.cast("B"))


LSR_BENCHMARK = ExportFormat(
    "lsr-benchmark", "lsr-benchmark", Holds.FLOATS, _write, write_queries=_write_queries
)
