"""What does a search return? Hits, and explanations of their scores."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from lsr.documents import Document
from lsr.index import Searcher


@dataclass(frozen=True)
class Hit:
    """One document found for a query.

    Attributes:
        doc_id: its id.
        score: sum over the query's terms of query weight times document weight.
        rank: from 1.
    """

    doc_id: str
    score: float
    rank: int
    _searcher: Searcher = field(repr=False, compare=False)
    _doc_number: int = field(repr=False, compare=False)

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
