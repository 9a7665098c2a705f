import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lsr.kernels import dense_rows as subject
from posting_lists import matrix_of, postings_of
from strategies import quantized_documents

N_TERMS = 7


@given(quantized_documents(n_terms=N_TERMS, max_docs=70))
@settings(deadline=None)
def test_rows_are_the_columns_of_the_matrix(
    documents: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    postings, n_docs = postings_of(*documents, N_TERMS), documents[0].size - 1
    matrix = matrix_of(*documents, N_TERMS)

    rows = subject.empty_rows(postings, n_docs, N_TERMS)

    is_dense = (matrix > 0).sum(axis=0) > n_docs // 10
    assert (rows.numbers >= 0).tolist() == is_dense.tolist()
    for term in np.flatnonzero(is_dense).tolist():
        subject.fill_row(rows, postings, n_docs, term)
        row = rows.impacts[rows.numbers[term]]
        assert row[:n_docs].tolist() == matrix[:, term].tolist()
        assert not row[n_docs:].any()
        largest = row.reshape(-1, subject.PART_SIZE).max(axis=1)
        assert rows.part_max[rows.numbers[term]].tolist() == largest.tolist()


@given(quantized_documents(n_terms=N_TERMS), st.integers(0, N_TERMS - 1))
@settings(deadline=None)
def test_frequencies_count_documents(
    documents: tuple[np.ndarray, np.ndarray, np.ndarray], term: int
) -> None:
    postings, n_docs = postings_of(*documents, N_TERMS), documents[0].size - 1

    found = subject.document_frequencies(postings, n_docs, N_TERMS)

    assert found[term] == (documents[1] == term).sum()
