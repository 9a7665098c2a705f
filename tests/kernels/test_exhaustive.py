import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lsr.kernels import exhaustive as subject
from lsr.kernels.dense_rows import empty_rows, fill_row
from lsr.kernels.postings import RANGE_SIZE, Postings
from lsr.kernels.search_reference import search_exhaustive_reference
from lsr.kernels.top_k import sort_best
from posting_lists import matrix_of, postings_of
from strategies import integer_queries, quantized_documents

N_TERMS = 7
NOTHING = np.zeros(0, dtype=np.uint8)


def _searched(
    postings: Postings,
    n_docs: int,
    n_terms: int,
    query: tuple[NDArray[np.uint32], NDArray[np.uint32]],
    excluded: NDArray[np.uint8],
    k: int,
) -> tuple[list[int], list[int]]:
    """Documents and scores of the kernel, best first."""
    best_scores, best_docs = np.zeros(k, dtype=np.int64), np.zeros(k, dtype=np.int64)
    scores = np.empty(RANGE_SIZE, dtype=np.uint32)
    rows = empty_rows(postings, n_docs, n_terms)
    for term in np.flatnonzero(rows.numbers >= 0).tolist():
        fill_row(rows, postings, n_docs, term)
    stop = np.zeros(1, dtype=np.uint8)
    size = subject.search_exhaustive(
        postings, rows, n_docs, *query, excluded, 0, 0, scores, best_scores, best_docs, 0, stop
    )
    sort_best(best_scores, best_docs, size)
    return best_docs[:size].tolist(), best_scores[:size].tolist()


@given(
    quantized_documents(n_terms=N_TERMS),
    integer_queries(n_terms=N_TERMS),
    st.sets(st.integers(0, 39)),
    st.integers(1, 50),
)
@settings(deadline=None)
def test_equals_reference_and_dense_product(
    documents: tuple[np.ndarray, np.ndarray, np.ndarray],
    query: tuple[np.ndarray, np.ndarray],
    gone: set[int],
    k: int,
) -> None:
    postings, n_docs = postings_of(*documents, N_TERMS), documents[0].size - 1
    is_gone = np.isin(np.arange(n_docs), sorted(gone))
    excluded = np.packbits(is_gone, bitorder="little")

    docs, scores = _searched(postings, n_docs, N_TERMS, query, excluded, k)

    expected, expected_scores = search_exhaustive_reference(postings, n_docs, *query, excluded, k)
    assert docs == expected.tolist()
    assert scores == expected_scores.tolist()
    product = matrix_of(*documents, N_TERMS)[:, query[0]] @ query[1].astype(np.int64)
    product[is_gone] = 0
    ranked = sorted((-score, doc) for doc, score in enumerate(product.tolist()) if score)
    assert docs == [doc for _, doc in ranked[:k]]
    assert scores == [-score for score, _ in ranked[:k]]


@pytest.mark.parametrize("n_docs", [RANGE_SIZE, 2 * RANGE_SIZE + 3])
def test_searches_every_range(n_docs: int) -> None:
    """The best documents sit at the edges of the ranges."""
    impacts = np.ones(n_docs, dtype=np.uint8)
    best = sorted({0, RANGE_SIZE - 1, n_docs - 1})
    impacts[best] = 255
    rows = np.arange(n_docs + 1), np.zeros(n_docs, dtype=np.uint32), impacts
    one = np.array([1], dtype=np.uint32)

    docs, scores = _searched(postings_of(*rows, 1), n_docs, 1, (one - 1, one), NOTHING, 4)

    assert docs[: len(best)] == best
    assert scores[:2] == [255, 255]


def test_leaves_out_excluded_documents_of_every_range() -> None:
    n_docs = 2 * RANGE_SIZE + 3
    rows = (
        np.arange(n_docs + 1),
        np.zeros(n_docs, dtype=np.uint32),
        np.ones(n_docs, dtype=np.uint8),
    )
    one = np.array([1], dtype=np.uint32)
    live = [7, RANGE_SIZE - 1, RANGE_SIZE, n_docs - 2]
    excluded = np.packbits(~np.isin(np.arange(n_docs), live), bitorder="little")

    docs, _ = _searched(postings_of(*rows, 1), n_docs, 1, (one - 1, one), excluded, 9)

    assert docs == live
