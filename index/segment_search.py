"""What makes a segment ready for kernels? Checked lists, filled rows, and a bitmap of what to hide.

A query's terms are prepared the first time that a query has them: their lists are compared with
their checksums, and frequent terms get their row. Afterwards looking that up costs one flag a term.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lsr.errors import InvalidInputError
from lsr.index.dense_half import Best
from lsr.index.filters import Filter, matching
from lsr.index.segment import Segment
from lsr.kernels.search_reference import search_exhaustive_reference

if TYPE_CHECKING:
    from lsr.kernels.bound import Bound
    from lsr.kernels.search import SegmentView

NOTHING_EXCLUDED: NDArray[np.uint8] = np.zeros(0, dtype=np.uint8)

CACHED_FILTERS = 32
"""Filters whose bitmaps a segment keeps: an eighth of a byte a document each."""


class Searchable(NamedTuple):
    """A segment as kernels search it.

    Attributes:
        view: what they need of it.
        bound: the same in one argument, which costs a call a few microseconds less.
    """

    view: SegmentView
    bound: Bound


class SegmentSearch:
    """A segment and what searches have made of it so far.

    Args:
        segment: an open segment.
        first_doc: number of its first document in the index.
        before: searches of the same segment in an earlier commit, which may have other deleted
            documents; what was prepared for them is shared.
    """

    def __init__(
        self, segment: Segment, first_doc: int, before: SegmentSearch | None = None
    ) -> None:
        self.segment = segment
        self._first_doc = first_doc
        self._lock: Lock = before._lock if before else Lock()
        self._everything: SegmentView | None = before._everything if before else None
        # The caches must not refer to this object: a cycle would keep a segment's disk space after
        # the last reader has gone.
        self._excluded = lru_cache(maxsize=CACHED_FILTERS)(partial(_find_excluded, segment))
        self._searchable: Callable[[Filter | None], Searchable] | None = None

    def continued(self, segment: Segment, first_doc: int) -> SegmentSearch:
        """Return searches of this segment in a later commit.

        Args:
            segment: the same one, where other documents may be deleted.
            first_doc: its place there.
        """
        if segment is self.segment and first_doc == self._first_doc:
            return self
        return SegmentSearch(segment, first_doc, self)

    def searchable(self, where: Filter | None) -> Searchable:
        """Return the segment, prepared for the terms that it was prepared for before.

        Args:
            where: which documents to search; None for all.

        Raises:
            CorruptIndexError: the table of posting lists is damaged.
        """
        return (self._searchable or self._make_searchable())(where)

    def prepare(self, terms: NDArray[np.uint32]) -> None:
        """Prepare the segment for the terms of queries, of any number and in any order.

        Raises:
            CorruptIndexError: a posting list is damaged.
        """
        from lsr.kernels.dense_rows import fill_row

        segment, view = self.segment, self.searchable(None).view
        known = terms[terms < segment.n_terms]
        with self._lock:
            new = np.unique(known[~view.is_prepared[known]])
            segment.check_lists(new)
            for term in new[view.rows.numbers[new] >= 0].tolist():
                fill_row(view.rows, segment.postings, segment.n_docs, term)
            view.is_prepared[new] = True

    def expected_ns(self, terms: NDArray[np.uint32]) -> float:
        """Return what it should take to search the segment for terms; see `Searcher`."""
        if self._searchable is None:
            return float("inf")
        from lsr.kernels.search import expected_ns

        return float(expected_ns(self._searchable(None).bound, terms))

    def n_postings(self, terms: NDArray[np.uint32]) -> int:
        """Return how many postings the lists of terms hold.

        Raises:
            CorruptIndexError: the table that says so is damaged.
        """
        return self.segment.n_postings_of(terms[terms < self.segment.n_terms])

    def best(
        self, terms: NDArray[np.uint32], weights: NDArray[Any], where: Filter | None, k: int
    ) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Return the best documents of one query and their scores, best first, without kernels.

        Args:
            terms: distinct.
            weights: of the terms, uint32, or float32 in an index of float32 weights.
            where: which documents to search; None for all.
            k: at least 1.

        Raises:
            CorruptIndexError: a posting list is damaged.
        """
        segment = self.segment
        is_known = terms < segment.n_terms
        known = terms[is_known]
        segment.check_lists(known)
        docs, scores = search_exhaustive_reference(
            segment.postings, segment.n_docs, known, weights[is_known], self._excluded(where), k
        )
        return docs + self._first_doc, scores

    def best_dense(self, queries: NDArray[np.float32], where: Filter | None, k: int) -> list[Best]:
        """Return the best documents of each query by its dense row; see `DenseHalf.best`.

        Only in an index whose documents have dense rows.
        """
        segment = self.segment
        assert segment.dense is not None
        excluded = self._excluded(where)
        is_hidden = np.zeros(segment.n_docs, dtype=np.bool_)
        if excluded.size:
            bits = np.unpackbits(excluded, count=segment.n_docs, bitorder="little")
            is_hidden = bits.view(np.bool_)
        best = segment.dense.best(queries, k, is_hidden)
        return [(numbers + self._first_doc, scores) for numbers, scores in best]

    def _make_searchable(self) -> Callable[[Filter | None], Searchable]:
        from lsr.kernels.dense_rows import document_frequencies, empty_rows
        from lsr.kernels.search import SegmentView

        segment = self.segment
        with self._lock:
            if self._everything is None:
                segment.arrays["list_starts"].check()
                sizes = segment.postings, segment.n_docs, segment.n_terms
                self._everything = SegmentView(
                    segment.postings,
                    empty_rows(*sizes),
                    segment.max_impacts,
                    segment.kth_impacts,
                    document_frequencies(*sizes),
                    np.zeros(segment.n_terms, dtype=np.bool_),
                    NOTHING_EXCLUDED,
                    segment.n_docs,
                    self._first_doc,
                )
            if self._searchable is None:
                everything = self._everything._replace(first_doc=self._first_doc)
                make = partial(_searchable, everything, self._excluded)
                self._searchable = lru_cache(maxsize=CACHED_FILTERS)(make)
            return self._searchable


def _searchable(
    everything: SegmentView,
    excluded: Callable[[Filter | None], NDArray[np.uint8]],
    where: Filter | None,
) -> Searchable:
    from lsr.kernels.bound import bind

    view = everything._replace(excluded=excluded(where))
    return Searchable(view, bind(view))


def _find_excluded(segment: Segment, where: Filter | None) -> NDArray[np.uint8]:
    """Return the bitmap of documents that are no hits; empty when all may be."""
    if where is None and segment.deleted.size == 0:
        return NOTHING_EXCLUDED
    is_excluded = np.zeros(segment.n_docs, dtype=np.bool_)
    if where is not None:
        if segment.columns is None:
            raise InvalidInputError(f"The index declares no fields, so {where} has none to ask.")
        is_excluded = ~matching(where, segment.columns)
    is_excluded[segment.deleted] = True
    return np.packbits(is_excluded, bitorder="little")
