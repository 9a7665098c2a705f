"""How is this engine timed? Through the interface that everything else of it uses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

from lsr.documents import Document, DocumentBatch
from lsr.eval.bench.engines.base import Hits, Variant, all_files
from lsr.index import Rankings, Searcher
from lsr.kernels.algorithm import Algorithm
from lsr.kernels.postings import MAX_IMPACT
from lsr.retrieval import Index
from lsr.sparse import SparseBatch

BATCH = 4096


class Lsr:
    """This engine, with documents that have an id and nothing else."""

    package: ClassVar[str] = "lsr-engine"
    about: ClassVar[str] = ""

    def why_missing(self) -> None:
        """Return None: it is here."""

    def build(self, vectors: SparseBatch, folder: Path) -> None:
        """Add batches as a corpus reader yields them; their integers are kept as they are."""
        with Index.create(folder / "index", max_weight=MAX_IMPACT).writer() as writer:
            for start in range(0, len(vectors), BATCH):
                stop = min(start + BATCH, len(vectors))
                documents = [Document(str(number)) for number in range(start, stop)]
                writer.add(DocumentBatch(documents, vectors.slice(start, stop)))
            writer.commit()

    def files(self, folder: Path) -> Iterable[Path]:
        """Return all files."""
        return all_files(folder)

    def open(self, folder: Path) -> Sequence[Variant]:
        """Return a variant for each algorithm, first the one that leaves the choice to us."""
        searcher = Searcher.open(folder / "index")
        return [_variant(searcher, algorithm) for algorithm in Algorithm]

    def prepare(self, queries: SparseBatch) -> SparseBatch:
        """Return the queries as they are."""
        return queries


def _variant(searcher: Searcher, algorithm: Algorithm) -> Variant:
    def search_all(queries: SparseBatch, k: int, threads: int) -> Rankings:
        return searcher.search_batch(queries, k, threads, algorithm=algorithm)

    def search(query: SparseBatch, k: int) -> Hits:
        return search_all(query, k, 1).hits(0)

    return Variant(f"lsr {algorithm.name.lower()}", True, search, search_all)
