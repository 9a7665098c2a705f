import numpy as np
from hypothesis import given, settings

from lsr.kernels.transformer import layer_norm, layer_norm_reference
from transformer_inputs import activations, normal, seeds, sizes


@given(seeds, sizes, sizes)
@settings(deadline=None, max_examples=40)
def test_equals_reference(seed: int, n_features: int, n_tokens: int) -> None:
    x = activations(seed, n_features, n_tokens)
    gamma, beta = normal(seed + 1, n_features), normal(seed + 2, n_features)
    out = np.empty_like(x)

    layer_norm(x, gamma, beta, 1e-5, out)

    expected = layer_norm_reference(x, gamma, beta, 1e-5)
    # With two features a token, both may be nearly equal and their difference nearly all rounding.
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-4 if n_features < 8 else 1e-5)


def test_works_in_place() -> None:
    x = activations(1, 24, 20)
    gamma, beta = normal(2, 24), normal(3, 24)
    expected = layer_norm_reference(x, gamma, beta, 1e-12)

    layer_norm(x, gamma, beta, 1e-12, x)

    np.testing.assert_allclose(x, expected, rtol=1e-5, atol=1e-5)


def test_a_large_mean_costs_no_digits_of_the_variance() -> None:
    """E[x^2] - E[x]^2 is off by 6 % here, 2^-24 of a million."""
    x = 1000 + activations(1, 64, 16)
    one, zero = np.ones(64, dtype=np.float32), np.zeros(64, dtype=np.float32)
    out = np.empty_like(x)

    layer_norm(x, one, zero, 1e-12, out)

    np.testing.assert_allclose(out, layer_norm_reference(x, one, zero, 1e-12), atol=3e-4)
