import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import lsr.kernels.top_k as subject
from assembly import assembly_of
from lsr.kernels.search_reference import top_k_reference

# Few values make ties; lengths straddle the blocks.
_SCORES = arrays.arrays(
    st.sampled_from([np.uint16, np.uint32]),
    st.integers(1, 3 * subject.BLOCK_SIZE + 1),
    elements=st.sampled_from([0, 0, 1, 2, 3, 65535]),
)


def _top_k(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    best_scores = np.zeros(min(k, scores.size), dtype=np.int64)
    best_docs = np.zeros_like(best_scores)
    size = subject.offer(scores, 0, best_scores, best_docs, 0)
    subject.sort_best(best_scores, best_docs, size)
    return best_docs[:size], best_scores[:size]


@given(_SCORES, st.integers(1, 250))
@settings(deadline=None)
def test_equals_reference(scores: np.ndarray, k: int) -> None:
    docs, found = _top_k(scores, k)

    expected = top_k_reference(scores, k)
    np.testing.assert_array_equal(docs, expected)
    np.testing.assert_array_equal(found, scores[expected])


def test_ties_go_to_the_lower_document_number() -> None:
    docs, _ = _top_k(np.array([5, 7, 5, 7, 5], dtype=np.uint16), 3)

    assert docs.tolist() == [1, 3, 0]


def test_largest_32_bit_score_is_kept() -> None:
    _, scores = _top_k(np.array([1, 2**32 - 1], dtype=np.uint32), 1)

    assert scores.tolist() == [2**32 - 1]


@pytest.mark.parametrize(("dtype", "width"), [("u2", "w"), ("u4", "d")])
def test_block_maximum_is_vectorized(dtype: str, width: str) -> None:
    scores = np.ones(128, dtype=np.dtype(dtype))
    best = np.zeros(1, dtype=np.int64)

    assembly = assembly_of(subject.offer, scores, 0, best, best.copy(), 0)

    assert re.search(rf"\bv?pmaxu{width}\b", assembly), "the block maximum is no longer SIMD"
