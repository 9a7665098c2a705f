import numpy as np
import pytest
from hypothesis import given, settings

from lsr.kernels import RANGE_SIZE
from lsr.kernels import counting_sort as subject
from strategies import quantized_documents

N_TERMS = 7


@given(quantized_documents(n_terms=N_TERMS))
@settings(deadline=None)
def test_equals_reference(documents: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    found = subject.invert(*documents, N_TERMS)

    expected = subject.invert_reference(*documents, N_TERMS)
    assert [array.dtype for array in found] == [array.dtype for array in expected]
    for array, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(array, wanted)


@given(quantized_documents(n_terms=N_TERMS))
@settings(deadline=None, max_examples=20)
def test_python_source_equals_reference(
    documents: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    """Run the kernel's lines uncompiled, so that coverage and a debugger see them."""
    expected = subject.invert_reference(*documents, N_TERMS)
    starts = np.zeros(N_TERMS + 1, dtype=np.int64)
    doc_offsets = np.empty_like(expected.doc_offsets)
    impacts = np.empty_like(expected.impacts)

    subject._invert.py_func(*documents, N_TERMS, starts, doc_offsets, impacts)

    np.testing.assert_array_equal(starts, expected.indptr)
    np.testing.assert_array_equal(doc_offsets, expected.doc_offsets)
    np.testing.assert_array_equal(impacts, expected.impacts)


@pytest.mark.parametrize("n_docs", [RANGE_SIZE - 1, RANGE_SIZE, RANGE_SIZE + 1])
def test_range_edge_equals_reference(n_docs: int) -> None:
    indptr = np.arange(n_docs + 1, dtype=np.int64)
    terms = (np.arange(n_docs) % 3).astype(np.uint32)
    impacts = (np.arange(n_docs) % 255 + 1).astype(np.uint8)

    found = subject.invert(indptr, terms, impacts, 3)

    for array, expected in zip(
        found, subject.invert_reference(indptr, terms, impacts, 3), strict=True
    ):
        np.testing.assert_array_equal(array, expected)
