import numpy as np
import pytest
from hypothesis import given, settings

from lsr.kernels.transformer import (
    active_terms_int8,
    active_terms_reference,
    pack_head,
    pack_int8_head,
)
from transformer_inputs import activations, normal, seeds, sizes, starts_of, text_lengths


@given(seeds, sizes, sizes, text_lengths)
@settings(deadline=None, max_examples=60)
def test_terms_equal_those_of_floats(
    seed: int, n_terms: int, n_features: int, lengths: list[int]
) -> None:
    weight, bias = normal(seed, n_terms, n_features), normal(seed + 1, n_terms)
    x = activations(seed + 2, n_features, sum(lengths))

    found = active_terms_int8(pack_int8_head(weight, bias), x, starts_of(lengths))

    expected = active_terms_reference(pack_head(weight, bias), x, starts_of(lengths))
    np.testing.assert_array_equal(found.indptr, expected.indptr)
    np.testing.assert_array_equal(found.terms, expected.terms)
    np.testing.assert_allclose(found.weights, expected.weights, atol=0.04 * np.sqrt(n_features))


@pytest.mark.parametrize("heavy", [False, True], ids=["normal", "heavy-tailed"])
def test_terms_equal_those_of_floats_in_a_model_of_usual_size(heavy: bool) -> None:
    """Half a million logits a text; features of heavy tails stretch the range of the bytes."""
    weight, bias = normal(1, 9000, 256) * np.float32(0.05), normal(2, 9000)
    x = activations(3, 256, 130)
    if heavy:
        x **= 3
    starts = starts_of([60, 7, 63])

    found = active_terms_int8(pack_int8_head(weight, bias - 2), x, starts)

    expected = active_terms_reference(pack_head(weight, bias - 2), x, starts)
    np.testing.assert_array_equal(found.terms, expected.terms)
    np.testing.assert_array_equal(found.indptr, expected.indptr)


def test_weights_equal_those_of_floats_where_few_terms_are_active() -> None:
    weight, bias = normal(1, 3000, 128) * np.float32(0.05), normal(2, 3000) - 4
    x, starts = activations(3, 128, 70), starts_of([7, 63])

    found = active_terms_int8(pack_int8_head(weight, bias), x, starts)

    expected = active_terms_reference(pack_head(weight, bias), x, starts)
    assert 0 < expected.terms.size < 100
    np.testing.assert_array_equal(found.terms, expected.terms)
    np.testing.assert_allclose(found.weights, expected.weights, rtol=1e-5, atol=1e-6)
