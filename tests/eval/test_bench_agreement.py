import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lsr.eval.bench.agreement import agreement
from lsr.sparse import SparseBatch

dense_arrays = arrays(np.float32, (3, 5), elements=st.sampled_from([0, 0, 0.5, 1, 2.25]))


@given(dense_arrays, dense_arrays)
def test_equals_the_difference_of_dense_arrays(
    one: np.ndarray[tuple[int, int], np.dtype[np.float32]],
    other: np.ndarray[tuple[int, int], np.dtype[np.float32]],
) -> None:
    found = agreement(SparseBatch.from_matrix(one), SparseBatch.from_matrix(other))

    assert found.largest_difference == np.abs(one - other).max()
    assert found.n_differing_terms == np.count_nonzero((one > 0) != (other > 0))
