"""What does a search return? Hits, and explanations of their scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from lsr.documents import Document
from lsr.index import Rankings, Searcher
from lsr.retrieval.fusion import Halves, HybridRankings
from lsr.sparse import SparseBatch


@dataclass(frozen=True)
class Hit:
    """One document found for a query.

    Attributes:
        doc_id: its id.
        score: sum over the query's terms of query weight times document weight.
        rank: from 1.
        halves: what either half of the index says, where both were searched; `score` then is
            their weighted sum.
    """

    doc_id: str
    score: float
    rank: int
    _searcher: Searcher = field(repr=False, compare=False)
    _doc_number: int = field(repr=False, compare=False)
    halves: Halves | None = None

    @cached_property
    def document(self) -> Document:
        """The stored document, read from the index when first asked for."""
        return self._searcher.document(self._doc_number)


@dataclass(frozen=True, slots=True)
class TermShare:
    """What one query term adds to a score: ``product = query_weight * document_weight``."""

    term: str
    term_id: int
    query_weight: float
    document_weight: float
    product: float
    share: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a document has its score: the query's terms, largest product first."""

    doc_id: str
    score: float
    terms: list[TermShare]


def named_hits(searcher: Searcher, rankings: Rankings) -> list[list[Hit]]:
    """Return the hits of each query whose documents `searcher` has ranked."""
    results = []
    for number in range(len(rankings.doc_numbers)):
        found = rankings.hits(number)
        doc_ids = searcher.doc_ids([doc for doc, _ in found])
        results.append(
            [
                Hit(
                    doc_id,
                    score,
                    rank,
                    searcher,
                    doc,
                    rankings.halves(number, rank - 1)
                    if isinstance(rankings, HybridRankings)
                    else None,
                )
                for rank, (doc_id, (doc, score)) in enumerate(
                    zip(doc_ids, found, strict=True), start=1
                )
            ]
        )
    return results


def explained_scores(
    searcher: Searcher, vector: SparseBatch, documents: Mapping[str, int]
) -> list[Explanation]:
    """Return what each term of a query's vector adds to the scores of documents.

    Args:
        searcher: ranks them.
        vector: the query's.
        documents: the number of each by its id.
    """
    rows = searcher.contributions(*vector.row(0), list(documents.values()))
    name = searcher.vocabulary.name
    return [_explained(doc_id, row, name) for doc_id, row in zip(documents, rows, strict=True)]


def _explained(
    doc_id: str, rows: Sequence[tuple[int, float, float]], name: Callable[[int], str]
) -> Explanation:
    score = sum(query_weight * weight for _, query_weight, weight in rows)
    shares = [
        TermShare(name(term), term, query_weight, weight, product, product / (score or 1.0))
        for term, query_weight, weight in rows
        for product in [query_weight * weight]
    ]
    return Explanation(doc_id, score, sorted(shares, key=lambda one: -one.product))
