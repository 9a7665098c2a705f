"""How is splade-index timed? With a stand-in for its model, which hands it vectors made before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numba
import numpy as np

from lsr.eval.bench.engines.base import Hits, Variant, all_files, why_not_installed
from lsr.sparse import SparseBatch


class SpladeIndex:
    """splade-index with its compiled backend; its build time includes a compressed save."""

    package: ClassVar[str] = "splade-index"
    about: ClassVar[str] = ""

    def why_missing(self) -> str | None:
        """Say how to install it."""
        return why_not_installed(self.package, "splade_index")

    def build(self, vectors: SparseBatch, folder: Path) -> None:
        """Turn the vectors into columns and save them."""
        from splade_index import SPLADE

        index = SPLADE(backend="numba")
        index.index(
            _Encoded(vectors),
            documents=[""] * len(vectors),
            show_progress=False,
            compile_numba_code=False,
        )
        index.save(str(folder / "splade-index"))

    def files(self, folder: Path) -> Iterable[Path]:
        """Return all files."""
        return all_files(folder)

    def open(self, folder: Path) -> Sequence[Variant]:
        """Load the index."""
        from splade_index import SPLADE

        # The model answers with the "texts" it is given: queries come as vectors.
        self._index = SPLADE.load(str(folder / "splade-index"), model=_Encoded(None))
        return [Variant("splade-index", True, self._search, self._search_all)]

    def prepare(self, queries: SparseBatch) -> Any:
        """Return a sparse tensor for each query."""
        import torch

        return [
            torch.sparse_coo_tensor(
                terms.astype(np.int64)[None], np.array(weights), (queries.n_terms,)
            ).coalesce()
            for terms, weights in queries.rows()
        ]

    def _search(self, query: Any, k: int) -> Hits:
        numbers, _, scores = self._search_all(query, k, 1)
        pairs = zip(numbers[0].tolist(), scores[0].tolist(), strict=True)
        return [(number, score) for number, score in pairs if score > 0]

    def _search_all(self, queries: Any, k: int, threads: int) -> Any:
        k = min(k, self._index.scores["num_docs"])
        # Numba refuses more threads than the process has cores.
        threads = min(threads, numba.config.NUMBA_NUM_THREADS)
        return self._index.retrieve(queries, k=k, show_progress=False, n_threads=threads)


class _Encoded:
    """Stands in for a model: the vectors of documents, and queries as they come."""

    def __init__(self, vectors: SparseBatch | None) -> None:
        self._vectors = vectors
        self.tokenizer = self

    def get_vocab(self) -> dict[str, int]:
        return {}

    def encode_document(self, documents: Sequence[str], **settings: Any) -> Any:
        import torch

        assert self._vectors is not None
        return torch.sparse_csr_tensor(
            torch.from_numpy(np.array(self._vectors.indptr)),
            torch.from_numpy(self._vectors.terms.astype(np.int64)),
            torch.from_numpy(np.array(self._vectors.weights)),
            (len(self._vectors), self._vectors.n_terms),
        )

    def encode_query(self, queries: Any, **settings: Any) -> Any:
        return queries
