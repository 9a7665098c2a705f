import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lsr.kernels import range_coding as subject
from lsr.kernels.lists import are_offsets_sound
from lsr.kernels.postings import RANGE_SIZE, PostingRange
from posting_lists import postings_of
from strategies import quantized_documents

N_TERMS = 7
Rows = tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.uint8]]


@given(quantized_documents(n_terms=N_TERMS, max_docs=70), st.booleans())
@settings(deadline=None)
def test_equals_reference(rows: Rows, in_float: bool) -> None:
    indptr, terms, impacts = rows
    values = impacts.astype(np.float32) / 3 if in_float else impacts

    found = subject.encode_range(indptr, terms, values, N_TERMS)

    expected = subject.encode_range_reference(indptr, terms, values, N_TERMS)
    for array, wanted in zip(found, expected, strict=True):
        assert np.asarray(array).dtype == np.asarray(wanted).dtype
        np.testing.assert_array_equal(array, wanted)


@given(quantized_documents(n_terms=N_TERMS, max_docs=70))
@settings(deadline=None)
def test_decoding_gives_the_rows_back(rows: Rows) -> None:
    postings = postings_of(*rows, N_TERMS)
    n_docs = rows[0].size - 1

    found = subject.decode_range(postings, 0, n_docs, N_TERMS)

    for array, wanted in zip(found, rows, strict=True):
        np.testing.assert_array_equal(array, wanted)
    assert are_offsets_sound(postings, N_TERMS, 0, n_docs)


@pytest.mark.parametrize("n_docs", [RANGE_SIZE - 1, RANGE_SIZE])
def test_a_full_range_comes_back(n_docs: int) -> None:
    """One list of all documents, one of a few, none of a third term."""
    indptr = np.concatenate([[0, 1, 3], np.arange(4, n_docs + 2)])
    terms = np.zeros(n_docs + 1, dtype=np.uint32)
    terms[2] = 2
    impacts = (np.arange(n_docs + 1) % 255 + 1).astype(np.uint8)
    postings = postings_of(indptr, terms, impacts, 3)

    found = subject.decode_range(postings, 0, n_docs, 3)

    assert postings.doc_offsets.size == -(-n_docs // 16) + 1
    for array, wanted in zip(found, (indptr, terms, impacts), strict=True):
        np.testing.assert_array_equal(array, wanted)


@given(quantized_documents(n_terms=3, max_docs=70))
@settings(deadline=None)
def test_maxima_and_ranks_are_those_of_each_term(rows: Rows) -> None:
    coded = subject.encode_range(*rows, 3)

    maxima, kth = subject.list_maxima(coded), subject.kth_impacts(coded)

    for term in range(3):
        falling = sorted(rows[2][rows[1] == term].tolist(), reverse=True)
        assert maxima[term] == max(falling, default=0)
        assert kth[:, term].tolist() == [falling[9] if len(falling) > 9 else 0, 0, 0]


@given(quantized_documents(n_terms=N_TERMS, max_docs=40))
@settings(deadline=None, max_examples=20)
def test_python_source_equals_reference(rows: Rows) -> None:
    """Run the kernel's lines uncompiled, so that coverage and a debugger see them."""
    indptr, terms, impacts = rows
    expected = subject.encode_range_reference(indptr, terms, impacts, N_TERMS)
    starts, offsets = np.zeros((2, N_TERMS + 1), dtype=np.uint32)
    coded = PostingRange(
        starts, offsets, np.zeros_like(expected.doc_offsets), np.zeros_like(impacts)
    )

    subject._lay_out.py_func(terms, indptr.size - 1, starts, offsets)
    subject._encode.py_func(indptr, terms, impacts, coded)

    for array, wanted in zip(coded, expected, strict=True):
        np.testing.assert_array_equal(array, wanted)


@given(quantized_documents(n_terms=N_TERMS, max_docs=40), st.data())
@settings(deadline=None)
def test_an_unsound_list_is_noticed(rows: Rows, data: st.DataObject) -> None:
    postings = postings_of(*rows, N_TERMS)
    n_docs = rows[0].size - 1
    if postings.doc_offsets.size == 0:
        return
    place = data.draw(st.integers(0, postings.doc_offsets.size - 1))
    postings.doc_offsets[place] = 0xFFFF

    assert not are_offsets_sound(postings, N_TERMS, 0, n_docs)
