import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lsr.index.quantization import ImpactQuantizer, quantize_query

_WEIGHTS = arrays.arrays(
    np.float32, st.integers(1, 300), elements=st.floats(0.001953125, 1000, width=32)
)


@given(_WEIGHTS)
def test_error_is_at_most_half_a_step_within_the_range(weights: np.ndarray) -> None:
    quantizer = ImpactQuantizer(float(weights.max()))

    back = quantizer.quantize(weights) * quantizer.step

    # A weight below half a step is lifted to one step rather than dropped.
    error = np.abs(back - np.maximum(weights, quantizer.step / 2))
    assert (error <= quantizer.step / 2 * (1 + 1e-6)).all()


def test_small_weights_never_vanish_and_large_ones_are_clipped() -> None:
    quantizer = ImpactQuantizer(4.0)

    impacts = quantizer.quantize(np.array([1e-6, 4.0, 9.0], dtype=np.float32))

    assert impacts.tolist() == [1, 255, 255]
    assert quantizer.n_clipped(np.array([4.0, 4.001, 9.0], dtype=np.float32)) == 1


def test_integers_up_to_255_are_kept_exactly() -> None:
    weights = np.array([1, 7, 255], dtype=np.float32)

    assert ImpactQuantizer.for_weights(weights).quantize(weights).tolist() == [1, 7, 255]


def test_distortion_is_the_share_of_weight_moved() -> None:
    assert ImpactQuantizer(255.0).distortion(np.array([0.5], dtype=np.float32)) == 1.0
    assert ImpactQuantizer(1.0).distortion(np.array([2.0], dtype=np.float32)) == 0.5


@given(_WEIGHTS)
def test_no_score_of_a_query_exceeds_32_bits(weights: np.ndarray) -> None:
    query = quantize_query(np.arange(weights.size, dtype=np.uint32), weights)

    assert query.weights.min() >= 1
    assert int(query.weights.astype(np.int64).sum()) * 255 < 2**32


def test_a_query_of_many_equal_terms_does_not_overflow() -> None:
    query = quantize_query(np.arange(60_000, dtype=np.uint32), np.full(60_000, 0.5, np.float32))

    assert int(query.weights.astype(np.int64).sum()) * 255 < 2**32


def test_integer_query_weights_are_kept_exactly() -> None:
    query = quantize_query(np.arange(3, dtype=np.uint32), np.array([1, 300, 65535], np.float32))

    assert (query.weights.tolist(), query.step) == ([1, 300, 65535], 1.0)


@pytest.mark.parametrize("scale", [0.01, 1.7])
def test_rounded_query_weights_keep_16_bits(scale: float) -> None:
    weights = np.array([1.0, 0.37, 0.001], dtype=np.float32) * np.float32(scale)

    query = quantize_query(np.arange(3, dtype=np.uint32), weights)

    np.testing.assert_allclose(query.weights * query.step, weights, atol=weights.max() / 65535)
