import numpy as np
import pytest
from hypothesis import given, settings

from lsr.kernels import postings as subject
from lsr.kernels.lists import impacts_of_list, offsets_of_list
from posting_lists import matrix_of, postings_of
from strategies import quantized_documents

N_TERMS = 7


@given(quantized_documents(n_terms=N_TERMS))
@settings(deadline=None)
def test_lists_are_the_columns_of_the_matrix(
    documents: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    postings, n_docs = postings_of(*documents, N_TERMS), documents[0].size - 1
    matrix = matrix_of(*documents, N_TERMS)

    for term in range(N_TERMS):
        offsets, impacts = subject.read_list(postings, 0, term, n_docs)

        assert offsets.tolist() == np.flatnonzero(matrix[:, term]).tolist()
        assert impacts.tolist() == matrix[offsets, term].tolist()


@pytest.mark.parametrize("step", [1, 3, 11, 5000])
def test_lists_of_every_range_are_those_that_kernels_read(step: int) -> None:
    """Bitmaps, offsets, and a last range that fills no word of a bitmap."""
    n_docs = 2 * subject.RANGE_SIZE + 37
    has_term = np.arange(n_docs) % step == 0
    indptr = np.append(0, np.cumsum(1 + has_term))
    terms = np.zeros(indptr[-1], dtype=np.uint32)
    terms[indptr[1:] - 1] = has_term
    impacts = np.arange(terms.size).astype(np.uint8) | np.uint8(1)
    postings = postings_of(indptr, terms, impacts, 2)
    scratch = np.empty(subject.RANGE_SIZE, dtype=np.uint16)

    for number in range(subject.n_ranges(n_docs)):
        n_in_range = min(subject.RANGE_SIZE, n_docs - number * subject.RANGE_SIZE)
        for term in range(2):
            offsets, impacts = subject.read_list(postings, number, term, n_in_range)

            expected = offsets_of_list(postings, number, term, n_in_range, scratch)
            np.testing.assert_array_equal(offsets, expected)
            np.testing.assert_array_equal(impacts, impacts_of_list(postings, number, term))
