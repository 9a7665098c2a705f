import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsr.kernels.transformer import attend, attend_reference, new_activations
from transformer_inputs import activations, normal, seeds, starts_of, text_lengths


@given(seeds, text_lengths, st.integers(1, 3), st.sampled_from([1, 3, 8, 20, 64]))
@settings(deadline=None, max_examples=40)
def test_equals_reference(seed: int, lengths: list[int], n_heads: int, size: int) -> None:
    n_features, starts = n_heads * size, starts_of(lengths)
    q, k, v = np.split(activations(seed, 3 * n_features, sum(lengths)), 3)
    out = new_activations(n_features, sum(lengths))

    attend(q, k, v, starts, n_heads, out)

    expected = attend_reference(q, k, v, starts, n_heads)
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-5)


def test_a_text_sees_no_other() -> None:
    q, k, v = np.split(activations(1, 3 * 16, 40), 3)
    alone, together = new_activations(16, 40), new_activations(16, 40)

    attend(q, k, v, starts_of([13]), 2, alone)
    attend(q, k, v, starts_of([13, 27]), 2, together)

    np.testing.assert_array_equal(alone[:, :13], together[:, :13])
    assert not alone[:, 13:].any()


@pytest.mark.parametrize("size", [100.0, -100.0])
def test_large_scores_do_not_overflow(size: float) -> None:
    q = np.full((8, 16), size, dtype=np.float32)
    k = np.full((8, 16), 100.0, dtype=np.float32)
    k[:, 3] = 0
    v, out = normal(1, 8, 16), np.zeros((8, 16), dtype=np.float32)

    attend(q, k, v, starts_of([16]), 1, out)

    expected = attend_reference(q, k, v, starts_of([16]), 1)
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-5)


def test_one_token_takes_all_from_itself() -> None:
    q, k, v = np.split(activations(1, 3 * 8, 1), 3)
    out = new_activations(8, 1)

    attend(q, k, v, starts_of([1]), 2, out)

    np.testing.assert_array_equal(out[:, 0], v[:, 0])
