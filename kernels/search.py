"""Which algorithm answers a query in a segment, and how do many queries run without Python?

The planner is `choose`: it compares what both algorithms would touch. Everything below it is one
loop over queries, so that a batch holds the interpreter's lock for a moment only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lsr.kernels._compile import kernel
from lsr.kernels.algorithm import Algorithm
from lsr.kernels.bound import Bound
from lsr.kernels.dense_rows import DenseRows
from lsr.kernels.exhaustive import search_exhaustive
from lsr.kernels.postings import KTH, Postings
from lsr.kernels.queries import Queries
from lsr.kernels.range_maxscore import search_maxscore
from lsr.kernels.score_filter import fits_filter
from lsr.kernels.threshold_sample import guessed_rank, n_windows, window_size

DOC_NS, ROW_NS, POSTING_NS = 0.12, 0.07, 0.7
"""What exhaustive search takes for a document, for one in a row, and for a sparse posting."""

FILTER_SHARE = 0.4
"""What MaxScore takes of that for its filter, at most."""

LOOKUP_NS = 70.0
"""What MaxScore takes to look up a term in a document."""

START_NS = 20_000.0
"""What MaxScore takes before its filter has a threshold."""

SMALL = 8192
"""Documents up to which a segment is searched exhaustively: there is nothing to save."""

MARGIN = 0.9
"""Estimates err: MaxScore must be expected to take so much less."""

_AUTO, _EXHAUSTIVE, _MAXSCORE = (int(one) for one in Algorithm)
_RANK_1, _RANK_2, _RANK_3 = KTH


class SegmentView(NamedTuple):
    """What kernels need of a segment.

    Attributes:
        postings: its posting lists, impacts of 8 bits.
        rows: its rows, filled in for the terms that are prepared.
        max_impacts: shape (n_terms,), largest impact of each term, 0 for one it lacks.
        kth_impacts: shape (3, n_terms), see `kth_impacts`.
        frequencies: shape (n_terms,), documents that have each term.
        is_prepared: shape (n_terms,), whether a term's lists were checked and its row is filled.
        excluded: bitmap of documents to leave out, lowest bit first; empty for none.
        n_docs: documents.
        first_doc: number of its first document in the index.
    """

    postings: Postings
    rows: DenseRows
    max_impacts: NDArray[np.uint8]
    kth_impacts: NDArray[np.uint8]
    frequencies: NDArray[np.uint32]
    is_prepared: NDArray[np.bool_]
    excluded: NDArray[np.uint8]
    n_docs: int
    first_doc: int


@kernel
def _exhaustive_ns(n_docs: int, n_dense: int, n_postings: int) -> float:
    return float(n_docs * (DOC_NS + n_dense * ROW_NS) + n_postings * POSTING_NS)


@kernel
def choose(
    weights: NDArray[np.uint32],
    max_impacts: NDArray[np.uint8],
    frequencies: NDArray[np.int64],
    n_dense: int,
    n_docs: int,
    k: int,
) -> int:
    """Return the algorithm that is expected to answer a query sooner.

    Exhaustive search touches every posting, so its time is known beforehand. MaxScore touches part
    of them, and looks up every term of every document that is a hit for a while. If n documents
    reach its first threshold, and documents come in any order, that happens to ``k + k log(n / k)``
    of them. The figures were measured on 300,000 to 3,000,000 SPLADE vectors; their ratios matter,
    not their values.

    Args:
        weights: shape (n_query_terms,).
        max_impacts: shape (n_query_terms,), largest impact of each term.
        frequencies: shape (n_query_terms,), documents that have each term; 0 for those with rows.
        n_dense: terms with rows.
        n_docs: documents of the segment.
        k: hits.
    """
    if n_docs <= SMALL or not fits_filter(weights, max_impacts):
        return _EXHAUSTIVE
    exhaustive = _exhaustive_ns(n_docs, n_dense, frequencies.sum())
    share = n_windows(n_docs) * window_size(n_docs) / n_docs
    n_scored = k + k * np.log(max(1.0, guessed_rank(k, share) / share / k))
    maxscore = START_NS + FILTER_SHARE * exhaustive + n_scored * weights.size * LOOKUP_NS
    return _MAXSCORE if maxscore < MARGIN * exhaustive else _EXHAUSTIVE


@kernel
def raise_thresholds(segment: SegmentView, queries: Queries) -> None:
    """Raise each query's threshold to what one term alone proves.

    When k documents have impact x or more for a term, k documents score weight * x or more. This
    holds only while none of them is excluded.
    """
    k = queries.scores.shape[1]
    if k > _RANK_3 or segment.excluded.size > 0:
        return
    rank = 0 if k <= _RANK_1 else 1 if k <= _RANK_2 else 2
    for query in range(queries.sizes.size):
        for position in range(queries.indptr[query], queries.indptr[query + 1]):
            term = queries.terms[position]
            if term < segment.kth_impacts.shape[1]:
                impact = np.int64(segment.kth_impacts[rank, term])
                proven = np.int64(queries.weights[position]) * impact - 1
                queries.thresholds[query] = max(queries.thresholds[query], proven)


@kernel
def expected_ns(bound: Bound, terms: NDArray[np.uint32]) -> float:
    """Return what it should take at most to search a segment for terms, see `choose`.

    Args:
        bound: `SegmentView`.
        terms: of a query; those that the segment lacks are passed over.

    Returns:
        Nanoseconds; infinity where the segment is yet to be prepared for a term.
    """
    segment = bound.value
    n_dense, n_postings = 0, np.int64(0)
    for term in terms:
        if term < segment.is_prepared.size:
            if not segment.is_prepared[term]:
                return np.inf
            if segment.rows.numbers[term] >= 0:
                n_dense += 1
            else:
                n_postings += np.int64(segment.frequencies[term])
    return float(_exhaustive_ns(segment.n_docs, n_dense, n_postings))


@kernel
def search_segment(
    bound_segment: Bound,
    bound_queries: Bound,
    bound_scratch: Bound,
    algorithm: int,
    bound_factor: float,
    max_ranges: int,
) -> None:
    """Offer a segment's documents to every query.

    Args:
        bound_segment: `SegmentView`, prepared for the queries' terms; terms that it lacks are
            passed over. The segments before it were searched before.
        bound_queries: `Queries`.
        bound_scratch: `Scratch`, memory to work in.
        algorithm: an `Algorithm`.
        bound_factor: see `search_maxscore`; below 1 the answer is approximate.
        max_ranges: see `search_maxscore`; above 0 the answer is approximate.
    """
    segment, queries, scratch = bound_segment.value, bound_queries.value, bound_scratch.value
    n_terms = segment.max_impacts.size
    raise_thresholds(segment, queries)
    for query in range(queries.sizes.size):
        span = slice(queries.indptr[query], queries.indptr[query + 1])
        known = np.empty(span.stop - span.start, dtype=np.uint32)
        known_weights = np.empty(known.size, dtype=np.uint32)
        maxima = np.empty(known.size, dtype=np.uint8)
        frequencies = np.empty(known.size, dtype=np.int64)
        n_known = 0
        for position in range(span.start, span.stop):
            term = queries.terms[position]
            if term < n_terms and segment.max_impacts[term] > 0:
                known[n_known] = term
                known_weights[n_known] = queries.weights[position]
                maxima[n_known] = segment.max_impacts[term]
                frequencies[n_known] = segment.frequencies[term]
                n_known += 1
        if n_known == 0 or queries.stops[query] > 0:
            continue
        known, known_weights, maxima = known[:n_known], known_weights[:n_known], maxima[:n_known]
        best_scores, best_docs = queries.scores[query], queries.docs[query]
        n_dense = 0
        sparse = frequencies[:n_known].copy()
        for row in range(n_known):
            if segment.rows.numbers[known[row]] >= 0:
                sparse[row] = 0
                n_dense += 1
        chosen = algorithm
        if chosen == _AUTO and (bound_factor < 1.0 or max_ranges > 0):
            chosen = _MAXSCORE  # the only one that can give something up
        if chosen == _AUTO:
            chosen = choose(
                known_weights, maxima, sparse, n_dense, segment.n_docs, best_scores.size
            )
        if chosen == _MAXSCORE and not fits_filter(known_weights, maxima):
            chosen = _EXHAUSTIVE
        if chosen == _EXHAUSTIVE:
            scratch.n_added[0] += sparse.sum() + segment.n_docs * n_dense
            queries.sizes[query] = search_exhaustive(
                segment.postings,
                segment.rows,
                segment.n_docs,
                known,
                known_weights,
                segment.excluded,
                segment.first_doc,
                queries.thresholds[query],
                scratch.scores,
                best_scores,
                best_docs,
                queries.sizes[query],
                queries.stops[query : query + 1],
            )
        else:
            queries.sizes[query] = search_maxscore(
                segment.postings,
                segment.rows,
                segment.n_docs,
                known,
                known_weights,
                maxima,
                frequencies[:n_known],
                segment.excluded,
                segment.first_doc,
                queries.thresholds[query],
                bound_factor,
                max_ranges,
                scratch,
                best_scores,
                best_docs,
                queries.sizes[query],
                queries.stops[query : query + 1],
            )
