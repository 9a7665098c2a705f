"""Every algorithm finds the same: documents, scores, ties, whatever is excluded."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lsr.kernels.algorithm import Algorithm
from lsr.kernels.bound import bind
from lsr.kernels.dense_rows import document_frequencies, empty_rows, fill_row
from lsr.kernels.queries import Queries, begin, finish
from lsr.kernels.range_coding import encode_range, kth_impacts
from lsr.kernels.score_filter import new_scratch
from lsr.kernels.search import (
    DOC_NS,
    POSTING_NS,
    ROW_NS,
    SegmentView,
    choose,
    expected_ns,
    raise_thresholds,
    search_segment,
)
from lsr.kernels.search_reference import search_exhaustive_reference
from posting_lists import postings_of

N_TERMS = 24
SCRATCH = new_scratch()
ALL_PREPARED = np.ones(N_TERMS, dtype=np.bool_)

QueryArrays = tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.float32]]


class Collection(NamedTuple):
    """Random documents, the densest terms first, in one segment."""

    view: SegmentView
    n_docs: int


def _collection(
    seed: int, n_docs: int, share_excluded: float, heavier: slice = slice(0)
) -> Collection:
    """Impacts of few values, so that scores tie; shares of documents from a half to none.

    Impacts above 41 are found in `heavier` documents only, if there are such.
    """
    random = np.random.default_rng(seed)
    shares = 0.5 / np.arange(1, N_TERMS + 1) ** random.uniform(0.5, 2.5)
    shares[-2:] = 0.0
    has = random.random((n_docs, N_TERMS)) < shares
    values = random.choice([1, 2, 3, 40, 41, 180, 255], size=(n_docs, N_TERMS))
    if values[heavier].size:
        light = np.minimum(values, 41)
        light[heavier] = values[heavier]
        values = light
    indptr = np.concatenate([[0], np.cumsum(has.sum(axis=1))]).astype(np.int64)
    terms = np.nonzero(has)[1].astype(np.uint32)
    impacts = values[has].astype(np.uint8)
    postings = postings_of(indptr, terms, impacts, N_TERMS)
    rows = empty_rows(postings, n_docs, N_TERMS)
    for term in np.flatnonzero(rows.numbers >= 0).tolist():
        fill_row(rows, postings, n_docs, term)
    excluded = np.zeros(0, dtype=np.uint8)
    if share_excluded:
        excluded = np.packbits(random.random(n_docs) < share_excluded, bitorder="little")
    maxima = np.zeros(N_TERMS, dtype=np.uint8)
    np.maximum.at(maxima, terms, impacts)
    whole = encode_range(indptr, terms, impacts, N_TERMS) if n_docs <= 1 << 16 else None
    kth = np.zeros((3, N_TERMS), dtype=np.uint8) if whole is None else kth_impacts(whole)
    frequencies = document_frequencies(postings, n_docs, N_TERMS)
    assert frequencies.tolist() == has.sum(axis=0).tolist()
    return Collection(
        SegmentView(postings, rows, maxima, kth, frequencies, ALL_PREPARED, excluded, n_docs, 0),
        n_docs,
    )


def _queries(seed: int, n_queries: int) -> QueryArrays:
    """Queries of 0 to 24 terms, some unknown, with small, equal and very unequal weights."""
    random = np.random.default_rng(seed)
    terms, weights = [], []
    for _ in range(n_queries):
        size = int(random.integers(0, N_TERMS + 1))
        chosen = random.permutation(N_TERMS + 2)[:size]
        terms.append(np.sort(chosen))
        high = int(random.choice([2, 16, 65536]))
        weights.append(random.integers(1, high, size))
    indptr = np.cumsum([0, *(one.size for one in terms)]).astype(np.int64)
    return (
        indptr,
        np.concatenate(terms).astype(np.uint32),
        np.concatenate(weights).astype(np.float32),
    )


def _searched(
    views: list[SegmentView],
    queries: QueryArrays,
    k: int,
    algorithm: Algorithm,
    bound_factor: float = 1.0,
    max_ranges: int = 0,
) -> tuple[list[list[int]], list[list[float]]]:
    """Return documents and scores of each query, of whole weights, which are kept as they are."""
    n_queries = queries[0].size - 1
    under_way = begin(*queries, k, np.zeros(n_queries, dtype=np.uint8), np.zeros(n_queries), 1.0)
    for view in views:
        arguments = bind(view), under_way, bind(SCRATCH)
        search_segment(*arguments, int(algorithm), bound_factor, max_ranges)
    docs, scores = finish(under_way, 1.0)
    assert docs.shape == scores.shape == (queries[0].size - 1, k)
    assert not scores[docs < 0].any()
    assert not SCRATCH.filter_scores.any()  # as the next search expects it
    sizes = (docs >= 0).sum(axis=1)
    return (
        [row[:size].tolist() for row, size in zip(docs, sizes, strict=True)],
        [row[:size].tolist() for row, size in zip(scores, sizes, strict=True)],
    )


@pytest.mark.parametrize("algorithm", list(Algorithm))
@given(
    seed=st.integers(0, 2**32),
    n_docs=st.sampled_from([1, 63, 64, 65, 2047, 2049, 8193, 12_000, 40_000]),
    share_excluded=st.sampled_from([0.0, 0.0, 0.3, 0.999]),
    k=st.sampled_from([1, 3, 10, 11, 100, 1000]),
)
@settings(deadline=None, max_examples=25)
def test_equals_the_oracle(
    algorithm: Algorithm, seed: int, n_docs: int, share_excluded: float, k: int
) -> None:
    collection = _collection(seed, n_docs, share_excluded)
    indptr, terms, weights = _queries(seed, 6)

    found = _searched([collection.view], (indptr, terms, weights), k, algorithm)

    for query, (docs, scores) in enumerate(zip(*found, strict=True)):
        row = slice(indptr[query], indptr[query + 1])
        is_known = terms[row] < N_TERMS
        expected, expected_scores = search_exhaustive_reference(
            collection.view.postings,
            n_docs,
            terms[row][is_known],
            weights[row][is_known].astype(np.uint32),
            collection.view.excluded,
            k,
        )
        assert docs == expected.tolist()
        assert scores == expected_scores.tolist()


@pytest.mark.parametrize("algorithm", list(Algorithm))
@pytest.mark.parametrize("heavier", [slice(0), slice(1024, 2048)])
def test_ranges_and_segments_follow_each_other(algorithm: Algorithm, heavier: slice) -> None:
    """140,000 documents in two segments, the first of them of two ranges.

    Heavy documents at the beginning of each make a sample promise more than is there.
    """
    sizes = (100_000, 40_000)
    collections = [_collection(seed, size, 0.01, heavier) for seed, size in enumerate(sizes)]
    indptr, terms, weights = _queries(7, 12)
    second = collections[1].view._replace(first_doc=sizes[0])

    all_docs, all_scores = _searched(
        [collections[0].view, second], (indptr, terms, weights), 10, algorithm
    )

    for query in range(12):
        row = slice(indptr[query], indptr[query + 1])
        is_known = terms[row] < N_TERMS
        found = [
            search_exhaustive_reference(
                one.view.postings,
                one.n_docs,
                terms[row][is_known],
                weights[row][is_known].astype(np.uint32),
                one.view.excluded,
                10,
            )
            for one in collections
        ]
        docs = np.concatenate([found[0][0], found[1][0] + sizes[0]])
        scores = np.concatenate([found[0][1], found[1][1]])
        order = np.lexsort((docs, -scores))[:10]
        assert all_docs[query] == docs[order].tolist()
        assert all_scores[query] == scores[order].tolist()


def test_impacts_that_are_added_are_counted() -> None:
    """Exhaustive search adds every posting, and a row for all documents; MaxScore adds fewer."""
    n_docs = 40_000
    view = _collection(3, n_docs, 0.0, slice(64)).view
    terms = np.arange(4, 16, dtype=np.uint32)
    query = np.array([0, terms.size]), terms, np.full(terms.size, 7, dtype=np.float32)
    n_added = {}
    for algorithm in (Algorithm.EXHAUSTIVE, Algorithm.MAXSCORE):
        before = SCRATCH.n_added[0]
        _searched([view], query, 1, algorithm)
        n_added[algorithm] = SCRATCH.n_added[0] - before

    has_row = view.rows.numbers[terms] >= 0
    assert has_row.any()
    expected = np.where(has_row, n_docs, view.frequencies[terms]).sum()
    assert n_added[Algorithm.EXHAUSTIVE] == expected
    assert 0 < n_added[Algorithm.MAXSCORE] < expected


def test_a_threshold_below_the_kth_score_hides_nothing() -> None:
    """Ten documents with impact 255 and nothing else: the 10th best must still be found."""
    n_docs = 20_000
    impacts = np.ones(n_docs, dtype=np.uint8)
    impacts[np.arange(10) * 1999] = 255
    rows = np.arange(n_docs + 1), np.zeros(n_docs, dtype=np.uint32), impacts
    postings = postings_of(*rows, 1)
    dense = empty_rows(postings, n_docs, 1)
    fill_row(dense, postings, n_docs, 0)
    kth = kth_impacts(encode_range(*rows, 1))
    nothing = np.zeros(0, dtype=np.uint8)
    view = SegmentView(
        postings,
        dense,
        np.array([255], dtype=np.uint8),
        kth,
        document_frequencies(postings, n_docs, 1),
        ALL_PREPARED[:1],
        nothing,
        n_docs,
        0,
    )
    query = np.array([0, 1]), np.array([0], dtype=np.uint32), np.array([3], dtype=np.float32)

    weights, none = query[2].astype(np.uint32), np.zeros((1, 10), dtype=np.int64)
    nothing_yet = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
    stops = np.zeros(1, dtype=np.uint8)
    queries = Queries(*query[:2], weights, np.ones(1), none, none, *nothing_yet, stops)

    docs, _ = _searched([view], query, 10, Algorithm.MAXSCORE)
    raise_thresholds(view, queries)

    assert docs == [(np.arange(10) * 1999).tolist()]
    assert queries.thresholds.tolist() == [3 * 255 - 1]


def test_what_a_search_takes_is_known_once_its_terms_are_prepared() -> None:
    view = _collection(1, 50, 0.0).view._replace(is_prepared=np.arange(N_TERMS) < 5)
    for_documents = view.n_docs * DOC_NS

    def expected(*terms: int) -> float:
        found: float = expected_ns(bind(view), np.array(terms, dtype=np.uint32))
        return found

    def share(term: int) -> float:
        has_row = view.rows.numbers[term] >= 0
        return view.n_docs * ROW_NS if has_row else int(view.frequencies[term]) * POSTING_NS

    assert expected(0, 4) == pytest.approx(for_documents + share(0) + share(4))
    assert expected(4, N_TERMS) == expected(4)  # the segment has no such term
    assert expected() == pytest.approx(for_documents)
    assert expected(4, 5) == np.inf


def _hits(collection: Collection, k: int, bound_factor: float, max_ranges: int) -> list[set[int]]:
    docs, _ = _searched(
        [collection.view], _queries(3, 30), k, Algorithm.MAXSCORE, bound_factor, max_ranges
    )
    return [set(found) for found in docs]


def test_a_lower_bound_factor_finds_less_of_the_exact_answer() -> None:
    collection = _collection(5, 60_000, 0.0)
    exact = _hits(collection, 10, 1.0, 0)

    recalls = []
    for factor in (1.0, 0.8, 0.3):
        found = _hits(collection, 10, factor, 0)
        assert list(map(len, found)) == list(map(len, exact))
        n_common = sum(len(one & other) for one, other in zip(exact, found, strict=True))
        recalls.append(n_common / sum(map(len, exact)))

    assert recalls[0] == 1.0
    assert 1.0 > recalls[1] > recalls[2] > 0.0


def test_only_so_many_ranges_are_searched_and_never_fewer() -> None:
    """Four ranges; the best documents of a term lie in the third."""
    n_docs = 4 << 16
    impacts = np.ones(n_docs, dtype=np.uint8)
    impacts[[200_000, 150_000, 140_000]] = [90, 200, 200]
    rows = np.arange(n_docs + 1), np.zeros(n_docs, dtype=np.uint32), impacts
    postings = postings_of(*rows, 1)
    dense = empty_rows(postings, n_docs, 1)
    fill_row(dense, postings, n_docs, 0)
    nothing = np.zeros(0, dtype=np.uint8)
    kth = np.zeros((3, 1), dtype=np.uint8)
    view = SegmentView(
        postings,
        dense,
        np.array([200], dtype=np.uint8),
        kth,
        document_frequencies(postings, n_docs, 1),
        ALL_PREPARED[:1],
        nothing,
        n_docs,
        0,
    )
    query = np.array([0, 1]), np.array([0], dtype=np.uint32), np.array([3], dtype=np.float32)

    found = [
        _searched([view], query, 3, Algorithm.MAXSCORE, 1.0, max_ranges)[0][0]
        for max_ranges in (0, 1, 2)
    ]

    assert found == [[140_000, 150_000, 200_000], [140_000, 150_000, 131_072], found[0]]


@pytest.mark.parametrize(
    ("n_docs", "k", "expected"),
    [
        (5_000, 1, Algorithm.EXHAUSTIVE),
        (300_000, 10, Algorithm.MAXSCORE),
        (300_000, 100, Algorithm.EXHAUSTIVE),
        (3_000_000, 100, Algorithm.MAXSCORE),
        (3_000_000, 10_000, Algorithm.EXHAUSTIVE),
    ],
)
def test_the_planner_weighs_postings_against_hits(n_docs: int, k: int, expected: Algorithm) -> None:
    """A SPLADE query: 18 terms, 8 of them in a fifth of the documents, the others in a fiftieth."""
    weights, maxima = np.full(18, 100, dtype=np.uint32), np.full(18, 200, dtype=np.uint8)
    frequencies = np.array([0] * 8 + [n_docs // 50] * 10)

    assert choose(weights, maxima, frequencies, 8, n_docs, k) == expected


def test_the_planner_searches_exhaustively_when_terms_are_too_many_for_the_filter() -> None:
    weights, maxima = np.full(90, 1, dtype=np.uint32), np.full(90, 255, dtype=np.uint8)

    chosen = choose(weights, maxima, np.full(90, 10_000), 0, 3_000_000, 10)

    assert chosen == Algorithm.EXHAUSTIVE


@pytest.mark.parametrize("algorithm", [Algorithm.EXHAUSTIVE, Algorithm.MAXSCORE])
def test_a_query_that_is_stopped_is_not_searched(algorithm: Algorithm) -> None:
    view = _collection(1, 10_000, 0.1).view
    queries = (
        np.array([0, 2, 4]),
        np.array([0, 1, 0, 1], dtype=np.uint32),
        np.ones(4, dtype=np.float32),
    )
    stops = np.array([1, 0], dtype=np.uint8)

    under_way = begin(*queries, 5, stops, np.zeros(stops.size), 1.0)
    search_segment(bind(view), under_way, bind(SCRATCH), int(algorithm), 1.0, 0)
    docs, _ = finish(under_way, 1.0)

    expected, _ = _searched([view], queries, 5, algorithm)
    assert (docs[0] == -1).all()
    assert docs[1].tolist() == expected[1]


@pytest.mark.parametrize("algorithm", [Algorithm.EXHAUSTIVE, Algorithm.MAXSCORE])
def test_a_floor_keeps_what_reaches_it(algorithm: Algorithm) -> None:
    view = _collection(1, 40_000, 0.1).view
    queries = (
        np.array([0, 2, 4]),
        np.array([0, 1, 2, 3], dtype=np.uint32),
        np.ones(4, dtype=np.float32),
    )
    _, scores = _searched([view], queries, 20_000, algorithm)
    floors = np.array([scores[0][30], 0.0])

    under_way = begin(*queries, 20_000, np.zeros(2, dtype=np.uint8), floors, 1.0)
    search_segment(bind(view), under_way, bind(SCRATCH), int(algorithm), 1.0, 0)
    _, found = finish(under_way, 1.0)

    n_reaching = sum(score >= floors[0] for score in scores[0])
    assert found[0, :n_reaching].tolist() == scores[0][:n_reaching]
    assert found[1, : len(scores[1])].tolist() == scores[1]
    assert np.count_nonzero(found[0]) == n_reaching
