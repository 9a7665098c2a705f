import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from lsr.kernels import block_checks as subject

BLOCK = 4

_flags = st.lists(st.booleans(), max_size=12).map(lambda one: np.array(one, dtype=np.bool_))
_places = st.integers(0, 12 * BLOCK)
_spans = st.lists(st.tuples(_places, _places), max_size=8).map(
    lambda one: (
        np.array([begin for begin, _ in one], dtype=np.int64),
        np.array([end for _, end in one], dtype=np.int64),
    )
)
Spans = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


@given(_flags, _spans)
@settings(deadline=None)
def test_equals_reference(is_checked: npt.NDArray[np.bool_], spans: Spans) -> None:
    found = subject.unchecked_blocks(is_checked, *spans, BLOCK)

    expected = subject.unchecked_blocks_reference(is_checked, *spans, BLOCK)
    np.testing.assert_array_equal(found, expected)


@given(_flags, _spans)
@settings(deadline=None, max_examples=20)
def test_python_source_equals_reference(is_checked: npt.NDArray[np.bool_], spans: Spans) -> None:
    """Run the kernel's lines uncompiled, so that coverage and a debugger see them."""
    is_wanted = np.zeros_like(is_checked)

    subject._mark_unchecked.py_func(is_checked, *spans, BLOCK, is_wanted)

    expected = subject.unchecked_blocks_reference(is_checked, *spans, BLOCK)
    np.testing.assert_array_equal(np.flatnonzero(is_wanted), expected)


def test_a_span_ends_before_its_end() -> None:
    nothing_checked = np.zeros(3, dtype=np.bool_)
    begins, ends = np.array([BLOCK, 2 * BLOCK]), np.array([2 * BLOCK, 2 * BLOCK])

    assert subject.unchecked_blocks(nothing_checked, begins, ends, BLOCK).tolist() == [1]
