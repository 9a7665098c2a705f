import numpy as np
from hypothesis import given, settings

from lsr.kernels.transformer import ActiveTerms, active_terms, active_terms_reference, pack_head
from transformer_inputs import activations, normal, seeds, sizes, starts_of, text_lengths


def assert_same_rows(found: ActiveTerms, expected: ActiveTerms, tolerance: float) -> None:
    np.testing.assert_array_equal(found.indptr, expected.indptr)
    np.testing.assert_array_equal(found.terms, expected.terms)
    np.testing.assert_allclose(found.weights, expected.weights, rtol=1e-5, atol=tolerance)


@given(seeds, sizes, sizes, text_lengths)
@settings(deadline=None, max_examples=60)
def test_equals_reference(seed: int, n_terms: int, n_features: int, lengths: list[int]) -> None:
    head = pack_head(normal(seed, n_terms, n_features), normal(seed + 1, n_terms))
    x = activations(seed + 2, n_features, sum(lengths))

    found = active_terms(head, x, starts_of(lengths))

    assert_same_rows(found, active_terms_reference(head, x, starts_of(lengths)), 1e-5)


def test_padding_and_neighbours_count_for_nothing() -> None:
    head = pack_head(np.ones((5, 1), dtype=np.float32))
    x = np.full((1, 16), 9.0, dtype=np.float32)
    x[0, 3:6] = -1, 2, -1

    found = active_terms(head, x, np.array([3, 6]))

    np.testing.assert_allclose(found.weights, np.log1p(2), rtol=1e-6)
    assert found.terms.tolist() == [0, 1, 2, 3, 4]


def test_a_logit_of_zero_is_not_active() -> None:
    head = pack_head(np.zeros((3, 2), dtype=np.float32), np.array([0, 1, -1], dtype=np.float32))

    found = active_terms(head, activations(1, 2, 4), starts_of([4]))

    assert found.terms.tolist() == [1]


def test_a_text_without_tokens_has_no_terms() -> None:
    head = pack_head(np.zeros((3, 2), dtype=np.float32), np.ones(3, dtype=np.float32))

    found = active_terms(head, activations(1, 2, 4), starts_of([0, 4, 0]))

    assert found.indptr.tolist() == [0, 0, 3, 3]


def test_no_texts_have_no_terms() -> None:
    found = active_terms(pack_head(normal(1, 3, 2)), activations(1, 2, 0), starts_of([]))

    assert found.indptr.tolist() == [0]
    assert found.terms.size == found.weights.size == 0
