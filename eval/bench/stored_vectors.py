"""Where do vectors lie while several processes read them? In flat files, mapped into memory.

Ten million vectors of 140 terms are 11 GB. Mapped, they cost no memory of their own, and a process
that builds an index from them shares the pages with all others.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lsr.sparse import SparseBatch


def store_vectors(batches: Iterable[SparseBatch], folder: Path) -> SparseBatch:
    """Write batches of one vocabulary below each other and return them as `mapped_vectors` does.

    Args:
        batches: at least one weight in all.
        folder: is made; its files must stay while the vectors are in use.
    """
    folder.mkdir(parents=True)
    sizes, n_terms = [np.zeros(1, dtype=np.int64)], 0
    with (folder / "terms").open("wb") as terms, (folder / "weights").open("wb") as weights:
        for batch in batches:
            terms.write(np.ascontiguousarray(batch.terms, dtype="<u4").data)
            weights.write(np.ascontiguousarray(batch.weights, dtype="<f4").data)
            sizes.append(batch.active_dims)
            n_terms = max(n_terms, batch.n_terms)
    np.cumsum(np.concatenate(sizes)).astype("<i8").tofile(folder / "indptr")
    (folder / "shape.json").write_bytes(msgspec.json.encode({"n_terms": n_terms}))
    return mapped_vectors(folder)


def mapped_vectors(folder: Path) -> SparseBatch:
    """Return vectors that `store_vectors` wrote; their arrays are views of its files."""
    n_terms = msgspec.json.decode((folder / "shape.json").read_bytes())["n_terms"]
    return SparseBatch(
        _mapped(folder / "indptr", "<i8"),
        _mapped(folder / "terms", "<u4"),
        _mapped(folder / "weights", "<f4"),
        n_terms,
    )


def _mapped(path: Path, dtype: str) -> NDArray[Any]:
    # A plain view: every slice of a np.memmap costs several microseconds.
    return np.memmap(path, dtype=dtype, mode="r").view(np.ndarray)
