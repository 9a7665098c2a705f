"""Every algorithm finds the same: documents, scores, ties, whatever is excluded."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lsr.kernels.algorithm import Algorithm
from lsr.kernels.dense_rows import document_frequencies, empty_rows, fill_row
from lsr.kernels.range_coding import encode_range, kth_impacts
from lsr.kernels.score_filter import new_scratch
from lsr.kernels.search import SegmentView, choose, new_heaps, search_segment, sort_heaps
from lsr.kernels.search_reference import search_exhaustive_reference
from posting_lists import postings_of

N_TERMS = 24
SCRATCH = new_scratch()


class Collection(NamedTuple):
    """Random documents, the densest terms first, in one segment."""

    view: SegmentView
    n_docs: int


def _collection(seed: int, n_docs: int, share_excluded: float) -> Collection:
    """Impacts of few values, so that scores tie; shares of documents from a half to none."""
    random = np.random.default_rng(seed)
    shares = 0.5 / np.arange(1, N_TERMS + 1) ** random.uniform(0.5, 2.5)
    shares[-2:] = 0.0
    has = random.random((n_docs, N_TERMS)) < shares
    values = random.choice([1, 2, 3, 40, 41, 180, 255], size=(n_docs, N_TERMS))
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
        SegmentView(postings, rows, maxima, kth, frequencies, excluded, n_docs, 0), n_docs
    )


def _queries(
    seed: int, n_queries: int
) -> tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.uint32]]:
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
        np.concatenate(weights).astype(np.uint32),
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
    heaps = new_heaps(6, k)

    search_segment(collection.view, indptr, terms, weights, int(algorithm), 1.0, 0, SCRATCH, heaps)
    sort_heaps(heaps)

    for query in range(6):
        row = slice(indptr[query], indptr[query + 1])
        is_known = terms[row] < N_TERMS
        docs, scores = search_exhaustive_reference(
            collection.view.postings,
            n_docs,
            terms[row][is_known],
            weights[row][is_known],
            collection.view.excluded,
            k,
        )
        size = heaps.sizes[query]
        assert heaps.docs[query, :size].tolist() == docs.tolist()
        assert heaps.scores[query, :size].tolist() == scores.tolist()
        assert set(heaps.docs[query, size:]) <= {-1}
        assert not heaps.scores[query, size:].any()
    assert not SCRATCH.filter_scores.any()  # as the next search expects it


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_ranges_and_segments_follow_each_other(algorithm: Algorithm) -> None:
    """140,000 documents in two segments, the first of them of two ranges."""
    sizes = (100_000, 40_000)
    collections = [_collection(seed, size, 0.01) for seed, size in enumerate(sizes)]
    indptr, terms, weights = _queries(7, 20)
    heaps = new_heaps(20, 10)

    first_doc = 0
    for collection in collections:
        view = collection.view._replace(first_doc=first_doc)
        search_segment(view, indptr, terms, weights, int(algorithm), 1.0, 0, SCRATCH, heaps)
        first_doc += collection.n_docs
    sort_heaps(heaps)

    for query in range(20):
        row = slice(indptr[query], indptr[query + 1])
        is_known = terms[row] < N_TERMS
        found = [
            search_exhaustive_reference(
                one.view.postings,
                one.n_docs,
                terms[row][is_known],
                weights[row][is_known],
                one.view.excluded,
                10,
            )
            for one in collections
        ]
        docs = np.concatenate([found[0][0], found[1][0] + sizes[0]])
        scores = np.concatenate([found[0][1], found[1][1]])
        order = np.lexsort((docs, -scores))[:10]
        size = heaps.sizes[query]
        assert heaps.docs[query, :size].tolist() == docs[order].tolist()
        assert heaps.scores[query, :size].tolist() == scores[order].tolist()


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
        nothing,
        n_docs,
        0,
    )
    query = np.array([0, 1]), np.array([0], dtype=np.uint32), np.array([3], dtype=np.uint32)
    heaps = new_heaps(1, 10)

    search_segment(view, *query, int(Algorithm.MAXSCORE), 1.0, 0, SCRATCH, heaps)
    sort_heaps(heaps)

    assert heaps.thresholds.tolist() == [3 * 255 - 1]
    assert heaps.docs[0].tolist() == (np.arange(10) * 1999).tolist()


def _hits(collection: Collection, k: int, bound_factor: float, max_ranges: int) -> list[set[int]]:
    indptr, terms, weights = _queries(3, 30)
    heaps = new_heaps(30, k)
    search_segment(
        collection.view,
        indptr,
        terms,
        weights,
        int(Algorithm.MAXSCORE),
        bound_factor,
        max_ranges,
        SCRATCH,
        heaps,
    )
    return [set(heaps.docs[row, : heaps.sizes[row]].tolist()) for row in range(30)]


def test_a_lower_bound_factor_finds_less_of_the_exact_answer() -> None:
    collection = _collection(5, 60_000, 0.0)
    exact = _hits(collection, 10, 1.0, 0)

    recalls = []
    for factor in (1.0, 0.8, 0.3):
        found = _hits(collection, 10, factor, 0)
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
        nothing,
        n_docs,
        0,
    )
    query = np.array([0, 1]), np.array([0], dtype=np.uint32), np.array([3], dtype=np.uint32)

    found = []
    for max_ranges in (0, 1, 2):
        heaps = new_heaps(1, 3)
        search_segment(view, *query, 2, 1.0, max_ranges, SCRATCH, heaps)
        sort_heaps(heaps)
        found.append(heaps.docs[0].tolist())

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
