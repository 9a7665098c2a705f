"""How is BMP (block-max pruning) timed? Exhaustively bounded and more hastily, one query at a time.

It brings query weights to 5 bits of its own and adds scores in 16 bits, so even without haste its
answers are the best for other weights than those it was given; its recall says how much that is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from lsr.eval.bench.engines.base import (
    Hits,
    Variant,
    all_files,
    named_weights,
    why_not_installed,
)
from lsr.sparse import SparseBatch

BLOCK_SIZE = 16
ALPHAS = (1.0, 0.95, 0.9, 0.8)
"""A block is scored while alpha times the threshold is below its bound: 1.0 leaves nothing out."""


class Bmp:
    """BMP with blocks of 16 documents."""

    package: ClassVar[str] = "bmp"
    about: ClassVar[str] = (
        "BMP rounds query weights to 5 bits: alpha 1.0 is exact for those, approximate here."
    )

    def why_missing(self) -> str | None:
        """Say how to install it."""
        return why_not_installed(self.package, "bmp")

    def build(self, vectors: SparseBatch, folder: Path) -> None:
        """Add one document after the other."""
        import bmp

        indexer = bmp.Indexer(str(folder / "index.bmp"), bsize=BLOCK_SIZE, compress_range=False)
        for number, (terms, weights) in enumerate(vectors.rows()):
            named = zip(map(str, terms.tolist()), map(int, weights.tolist()), strict=True)
            indexer.add_document(str(number), dict(named))
        indexer.finish()

    def files(self, folder: Path) -> Iterable[Path]:
        """Return the one file."""
        return all_files(folder)

    def open(self, folder: Path) -> Sequence[Variant]:
        """Load the index and return a variant for each alpha."""
        import bmp

        searcher = bmp.Searcher(str(folder / "index.bmp"))
        return [
            Variant(f"BMP alpha {alpha}", False, partial(_search, searcher, alpha))
            for alpha in ALPHAS
        ]

    def prepare(self, queries: SparseBatch) -> Any:
        """Return a list of named weights."""
        return [named_weights(*row) for row in queries.rows()]


def _search(searcher: Any, alpha: float, query: Any, k: int) -> Hits:
    numbers, scores = searcher.search(query[0], k=k, alpha=alpha, beta=1.0)
    return list(zip(map(int, numbers), scores, strict=True))
