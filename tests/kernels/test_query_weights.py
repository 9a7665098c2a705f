import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lsr.kernels import query_weights as subject
from lsr.kernels.search_reference import quantize_queries_reference

_WEIGHTS = st.one_of(
    st.sampled_from([1.0, 2.0, 255.0, 65535.0, 65536.0, 1e-30, 1e30]),
    st.floats(2**-20, 2**20, width=32),
)


@given(st.lists(st.lists(_WEIGHTS, max_size=30), max_size=6))
@settings(deadline=None)
def test_equals_reference_and_fits_32_bits(rows: list[list[float]]) -> None:
    indptr = np.cumsum([0, *(len(row) for row in rows)]).astype(np.int64)
    weights = np.array([weight for row in rows for weight in row], dtype=np.float32)

    integers, steps = subject.quantize_queries(indptr, weights)

    expected, expected_steps = quantize_queries_reference(indptr, weights)
    np.testing.assert_array_equal(integers, expected)
    np.testing.assert_array_equal(steps, expected_steps)
    for query in range(len(rows)):
        row = integers[indptr[query] : indptr[query + 1]].astype(np.int64)
        assert row.sum() * 255 < 2**32
        assert ((row >= 1) & (row <= 65535)).all()


@given(st.lists(st.lists(_WEIGHTS, max_size=9), max_size=3))
@settings(deadline=None, max_examples=20)
def test_python_source_equals_reference(rows: list[list[float]]) -> None:
    """Run the kernel's lines uncompiled, so that coverage and a debugger see them."""
    indptr = np.cumsum([0, *(len(row) for row in rows)]).astype(np.int64)
    weights = np.array([weight for row in rows for weight in row], dtype=np.float32)

    integers, steps = subject.quantize_queries.py_func(indptr, weights)

    expected, expected_steps = quantize_queries_reference(indptr, weights)
    np.testing.assert_array_equal(integers, expected)
    np.testing.assert_array_equal(steps, expected_steps)
