import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsr.kernels import RANGE_SIZE, invert
from lsr.kernels import exhaustive as subject
from strategies import integer_queries, quantized_documents

N_TERMS = 7
NOTHING = np.zeros(0, dtype=np.uint32)


def _dense(documents: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """An oracle of another kind: the matrix itself."""
    indptr, terms, impacts = documents
    matrix = np.zeros((indptr.size - 1, N_TERMS), dtype=np.int64)
    matrix[np.repeat(np.arange(indptr.size - 1), np.diff(indptr)), terms] = impacts
    return matrix


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
    postings, n_docs = invert(*documents, N_TERMS), documents[0].size - 1
    matrix = _dense(documents)
    terms, weights = query
    deleted = np.array(sorted(one for one in gone if one < n_docs), dtype=np.uint32)
    bound = subject.widest_score(weights, matrix.max(axis=0)[terms].astype(np.uint8))

    docs, scores = subject.search_exhaustive(
        postings, n_docs, N_TERMS, terms, weights, deleted, k, bound
    )

    expected, expected_scores = subject.search_exhaustive_reference(
        postings, n_docs, N_TERMS, terms, weights, deleted, k
    )
    np.testing.assert_array_equal(docs, expected)
    np.testing.assert_array_equal(scores, expected_scores)
    product = matrix[:, terms] @ weights.astype(np.int64)
    product[deleted] = 0
    ranked = sorted((-score, doc) for doc, score in enumerate(product.tolist()) if score)
    assert docs.tolist() == [doc for _, doc in ranked[:k]]
    assert scores.tolist() == [-score for score, _ in ranked[:k]]


@pytest.mark.parametrize("n_docs", [RANGE_SIZE, 2 * RANGE_SIZE + 3])
def test_searches_every_range(n_docs: int) -> None:
    """The best documents sit at the edges of the ranges."""
    indptr = np.arange(n_docs + 1, dtype=np.int64)
    impacts = np.ones(n_docs, dtype=np.uint8)
    best = [0, RANGE_SIZE - 1, n_docs - 1]
    impacts[best] = 255
    postings = invert(indptr, np.zeros(n_docs, dtype=np.uint32), impacts, 1)
    one = np.array([1], dtype=np.uint32)

    docs, scores = subject.search_exhaustive(
        postings, n_docs, 1, one - 1, one, NOTHING, 4, subject.widest_score(one, impacts[:1])
    )

    assert docs.tolist()[: len(set(best))] == sorted(set(best))
    assert scores.tolist()[:2] == [255, 255]


def test_leaves_out_deleted_documents_of_every_range() -> None:
    n_docs = 2 * RANGE_SIZE + 3
    indptr = np.arange(n_docs + 1, dtype=np.int64)
    impacts = np.ones(n_docs, dtype=np.uint8)
    postings = invert(indptr, np.zeros(n_docs, dtype=np.uint32), impacts, 1)
    one = np.array([1], dtype=np.uint32)
    live = [7, RANGE_SIZE - 1, RANGE_SIZE, n_docs - 2]
    deleted = np.setdiff1d(np.arange(n_docs), live).astype(np.uint32)

    docs, _ = subject.search_exhaustive(postings, n_docs, 1, one - 1, one, deleted, 9, 1)

    assert docs.tolist() == live


@pytest.mark.parametrize(("weight", "score"), [(257, 65535), (258, 65790), (2**24, 2**24 * 255)])
def test_no_score_overflows_its_accumulator(weight: int, score: int) -> None:
    """257 * 255 is the last score that fits 16 bits."""
    postings = invert(
        np.array([0, 1]), np.array([0], dtype=np.uint32), np.array([255], dtype=np.uint8), 1
    )
    weights = np.array([weight], dtype=np.uint32)
    bound = subject.widest_score(weights, np.array([255], dtype=np.uint8))

    _, scores = subject.search_exhaustive(
        postings, 1, 1, np.array([0], dtype=np.uint32), weights, NOTHING, 1, bound
    )

    assert scores.tolist() == [score]


@given(quantized_documents(n_terms=N_TERMS), integer_queries(n_terms=N_TERMS))
@settings(deadline=None, max_examples=20)
def test_python_source_equals_reference(
    documents: tuple[np.ndarray, np.ndarray, np.ndarray],
    query: tuple[np.ndarray, np.ndarray],
) -> None:
    """Run the kernel's lines uncompiled, so that coverage and a debugger see them."""
    postings, n_docs = invert(*documents, N_TERMS), documents[0].size - 1
    scores = np.empty(n_docs, dtype=np.uint32)
    best_scores, best_docs = np.zeros(5, dtype=np.int64), np.zeros(5, dtype=np.int64)

    size = subject._search_exhaustive.py_func(
        postings, n_docs, N_TERMS, *query, NOTHING, scores, best_scores, best_docs
    )

    expected, _ = subject.search_exhaustive_reference(postings, n_docs, N_TERMS, *query, NOTHING, 5)
    assert best_docs[:size].tolist() == expected.tolist()
