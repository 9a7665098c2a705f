"""How is a search to be done, as the command line says, and what does it miss if not exact?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

if TYPE_CHECKING:
    from lsr.documents import QueryBatch
    from lsr.index import Approximation, Filter, Rankings
    from lsr.retrieval import HybridQueries, Index
    from lsr.sparse import SparseBatch

FilterOption = Annotated[
    str | None,
    typer.Option(
        "--filter",
        metavar="EXPR",
        help="Only documents for which this holds: year >= 2020 and not lang in ('en', 'fr').",
    ),
]
PruneOption = Annotated[
    str | None,
    typer.Option(
        metavar="TYPE:VALUE",
        help="Leave out light query terms: max_ratio:0.1, abs_value:0.2, alpha_mass:0.9 or "
        "top_k:10.",
    ),
]
BoundFactorOption = Annotated[
    float,
    typer.Option(
        metavar="F", help="Below 1, pass over documents that only just might be among the best."
    ),
]
MaxRangesOption = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help="Ranges of 65,536 documents searched, the most promising first."
    ),
]
HybridOption = Annotated[
    bool,
    typer.Option(
        "--hybrid", help="Search the dense half of the index too, and fuse what both find."
    ),
]
AlphaOption = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        metavar="A",
        help="With --hybrid: share of the dense half in a score, 0.5 if unset.",
    ),
]


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """What holds for all queries of a search.

    Attributes:
        k: hits a query.
        threads: queries scored at the same time.
        where: which documents to search; None for all.
        approximation: what to give up for speed.
        once: whether the process ends with its one answer.
        alpha: share of the dense half; None to search the sparse half alone.
    """

    k: int
    threads: int
    where: Filter | None
    approximation: Approximation
    once: bool
    alpha: float | None

    def vectors_of(self, index: Index, queries: QueryBatch) -> SparseBatch | HybridQueries:
        """Encode queries for the halves that are searched."""
        from lsr.errors import InvalidInputError

        if self.alpha is None:
            return index.vectors_of(queries)
        if queries.vectors is not None:
            raise InvalidInputError(
                "The queries are vectors, which have no dense half; a hybrid search needs texts."
            )
        return index.hybrid_queries(queries.questions, self.alpha)

    def rank(self, index: Index, vectors: SparseBatch | HybridQueries) -> Rankings:
        """Search for queries in the index's vocabulary."""
        return index.rank(
            vectors,
            self.k,
            self.threads,
            where=self.where,
            approximation=self.approximation,
            once=self.once,
        )

    def overlaps(self, index: Index, vectors: SparseBatch | HybridQueries) -> list[Overlap]:
        """Search as told and exactly as well, and compare the documents found, query by query."""
        from lsr.index import EXACT

        exact = replace(self, approximation=EXACT).rank(index, vectors).doc_numbers.tolist()
        found = self.rank(index, vectors).doc_numbers.tolist()
        wanted = [{number for number in row if number >= 0} for row in exact]
        return [
            Overlap(len(best.intersection(row)), len(best))
            for best, row in zip(wanted, found, strict=True)
        ]

    def as_dict(self, overlaps: Sequence[Overlap]) -> dict[str, Any]:
        """Return the settings that change what is found, and the recall, as JSON values."""
        approximation = self.approximation
        report = None
        if not approximation.is_exact:
            report = {
                "prune": str(approximation.prune) if approximation.prune else None,
                "bound_factor": approximation.bound_factor,
                "max_ranges": approximation.max_ranges,
                "recall": recall_of(overlaps),
                "recall_k": self.k,
                "recall_queries": sum(one.n_exact > 0 for one in overlaps),
            }
        where = None if self.where is None else str(self.where)
        return {"filter": where, "approximation": report, "alpha": self.alpha}


class Overlap(NamedTuple):
    """How many of the best documents of a query an approximate search found."""

    n_found: int
    n_exact: int


def recall_of(overlaps: Sequence[Overlap]) -> float | None:
    """Return the mean share of the best documents that were found, over queries that have any."""
    shares = [one.n_found / one.n_exact for one in overlaps if one.n_exact]
    return sum(shares) / len(shares) if shares else None


def parsed_approximation(
    prune: str | None, bound_factor: float, max_ranges: int | None
) -> Approximation:
    """Read the values of --prune, --bound-factor and --max-ranges.

    Raises:
        InvalidInputError: one of them is malformed or out of its range.
    """
    from lsr.index import Approximation
    from lsr.pruning import PruneRule

    rule = None if prune is None else PruneRule.parse(prune)
    return Approximation(prune=rule, bound_factor=bound_factor, max_ranges=max_ranges)


def parsed_alpha(hybrid: bool, alpha: float | None) -> float | None:
    """Read the values of --hybrid and --alpha: the share of the dense half, None for none."""
    if alpha is not None and not hybrid:
        raise typer.BadParameter("--alpha goes with --hybrid.")
    return 0.5 if hybrid and alpha is None else alpha


def label(approximation: Approximation) -> str:
    """Return what to write before everything that an approximate search has found out."""
    parts = []
    if approximation.prune:
        parts.append(f"prune {approximation.prune}")
    if approximation.bound_factor < 1:
        parts.append(f"bound factor {approximation.bound_factor:g}")
    if approximation.max_ranges is not None:
        parts.append(f"max ranges {approximation.max_ranges}")
    return f"Approximate ({', '.join(parts)})"
