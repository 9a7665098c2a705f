"""How is PISA timed? Below its data-frame interface, which costs more than a query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from lsr.eval.bench.engines.base import Hits, Variant, named_weights, why_not_installed
from lsr.sparse import SparseBatch

ALGORITHMS = ("ranked_or", "wand", "block_max_wand", "maxscore", "block_max_maxscore")


class Pisa:
    """PISA through pyterrier-pisa: one index with block maxima, five algorithms.

    The wrapper repeats a query's term as often as its weight says; 8 bits cost it 0.01 ms.
    """

    package: ClassVar[str] = "pyterrier-pisa"
    about: ClassVar[str] = ""

    def why_missing(self) -> str | None:
        """Say how to install it."""
        return why_not_installed(self.package, "pyterrier_pisa")

    def build(self, vectors: SparseBatch, folder: Path) -> None:
        """Index the vectors as pretokenized documents, compress the lists, compute the maxima."""
        import pyterrier_pisa

        index = pyterrier_pisa.PisaIndex(str(folder / "pisa"), stemmer="none", stops="none")
        documents = (
            {"docno": str(number), "toks": named_weights(*row)}
            for number, row in enumerate(vectors.rows())
        )
        index.toks_indexer(scale=1.0).index(documents)
        index.quantized(threads=1, toks_scale=1.0)

    def files(self, folder: Path) -> Iterable[Path]:
        """Return the compressed lists, the maxima and the names of documents and terms."""
        index = folder / "pisa"
        return [*index.glob("quantized.*"), index / "fwd.doclex", index / "fwd.termlex"]

    def open(self, folder: Path) -> Sequence[Variant]:
        """Return a variant for each algorithm that finds every best document."""
        import pyterrier_pisa

        index = pyterrier_pisa.PisaIndex(str(folder / "pisa"), stemmer="none", stops="none")
        # The retriever is kept: it owns the memory behind its context.
        self._retriever = index.quantized(threads=1, toks_scale=1.0)
        return [
            Variant(f"PISA {one}", True, partial(self._search, one), partial(self._search_all, one))
            for one in ALGORITHMS
        ]

    def prepare(self, queries: SparseBatch) -> Any:
        """Return a numbered batch of named terms."""
        return [(number, named_weights(*row)) for number, row in enumerate(queries.rows())]

    def _search(self, algorithm: str, query: Any, k: int) -> Hits:
        """Return the hits of one query; document names are the numbers in decimal."""
        names, scores = self._search_all(algorithm, query, k, 1)
        return list(zip(map(int, names), scores.tolist(), strict=True))

    def _search_all(self, algorithm: str, queries: Any, k: int, threads: int) -> Any:
        """Return names and scores of the hits of all queries, one query after the other."""
        from pyterrier_pisa import _pisathon

        size = k * len(queries)
        names = np.empty(size, dtype=object)
        scores = np.empty(size, dtype=np.float32)
        found = _pisathon.retrieve(
            self._retriever._ctxt,
            algorithm,
            queries,
            k=k,
            threads=threads,
            query_weighted=1,
            pretokenised=True,
            result_qidxs=np.empty(size, dtype=np.int32),
            result_docnos=names,
            result_ranks=np.empty(size, dtype=np.int32),
            result_scores=scores,
        )
        return names[:found], scores[:found]
