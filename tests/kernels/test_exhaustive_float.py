import numpy as np
from hypothesis import given, settings

from lsr.kernels import exhaustive_float as subject
from lsr.kernels.postings import RANGE_SIZE
from lsr.kernels.search_reference import search_exhaustive_reference
from lsr.kernels.top_k import sort_best
from posting_lists import postings_of
from strategies import integer_queries, quantized_documents

N_TERMS = 7
NOTHING = np.zeros(0, dtype=np.uint8)


@given(quantized_documents(n_terms=N_TERMS), integer_queries(n_terms=N_TERMS))
@settings(deadline=None)
def test_scores_equal_the_reference_bit_by_bit(
    documents: tuple[np.ndarray, np.ndarray, np.ndarray], query: tuple[np.ndarray, np.ndarray]
) -> None:
    for run in (subject.search_exhaustive_float, subject.search_exhaustive_float.py_func):
        indptr, terms, impacts = documents
        postings = postings_of(indptr, terms, impacts.astype(np.float32) / 7, N_TERMS)
        weights = query[1].astype(np.float32) / np.float32(3)
        best_scores, best_docs = np.zeros(9), np.zeros(9, dtype=np.int64)

        size = run(
            postings,
            indptr.size - 1,
            query[0],
            weights,
            NOTHING,
            0,
            np.empty(RANGE_SIZE, dtype=np.float32),
            np.empty(RANGE_SIZE, dtype=np.uint16),
            best_scores,
            best_docs,
            0,
        )
        sort_best(best_scores, best_docs, size)

        expected, expected_scores = search_exhaustive_reference(
            postings, indptr.size - 1, query[0], weights, NOTHING, 9
        )
        assert best_docs[:size].tolist() == expected.tolist()
        assert best_scores[:size].tolist() == expected_scores.tolist()
