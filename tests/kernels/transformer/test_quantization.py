import numpy as np
from hypothesis import given, settings

from lsr.kernels.transformer import new_quantized, quantize, quantize_reference
from transformer_inputs import Floats, activations, normal, seeds, sizes


def as_they_are(n_features: int) -> tuple[Floats, Floats]:
    """Return factors and shifts that change nothing."""
    return np.ones(n_features, np.float32), np.zeros(n_features, np.float32)


@given(seeds, sizes, sizes)
@settings(deadline=None, max_examples=40)
def test_equals_reference(seed: int, n_features: int, n_tokens: int) -> None:
    x = activations(seed, n_features, n_tokens)
    factors, shifts = normal(seed + 1, 2, n_features)
    found = new_quantized(*x.shape)

    quantize(x, factors, shifts, found)

    expected = quantize_reference(x, factors, shifts)
    np.testing.assert_array_equal(found.lows, expected.lows)
    np.testing.assert_allclose(found.scales, expected.scales, rtol=1e-6)
    # A number half way between two steps may go either way by the rounding of the reciprocal.
    assert np.abs(found.values.astype(int) - expected.values).max() <= 1


@given(seeds, sizes, sizes)
@settings(deadline=None, max_examples=20)
def test_is_off_by_half_a_step_at_most(seed: int, n_features: int, n_tokens: int) -> None:
    x = activations(seed, n_features, n_tokens)
    quantized = new_quantized(*x.shape)

    quantize(x, *as_they_are(n_features), quantized)

    rows = quantized.values.transpose(0, 2, 1).reshape(-1, x.shape[1])[:n_features]
    error = np.abs(rows * quantized.scales + quantized.lows - x)
    assert np.all(error <= quantized.scales * 0.5001 + 1e-6)


def test_a_token_of_equal_features_is_its_low_end() -> None:
    x = np.full((5, 16), 3.25, dtype=np.float32)
    quantized = new_quantized(*x.shape)

    quantize(x, *as_they_are(5), quantized)

    assert not quantized.values.any()
    assert quantized.lows.tolist() == [3.25] * 16
    assert np.all(quantized.scales > 0)
