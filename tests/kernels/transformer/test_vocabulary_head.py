import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsr.kernels.transformer import (
    ActiveTerms,
    active_among,
    active_terms,
    active_terms_reference,
    pack_head,
)
from lsr.kernels.transformer.rounded_texts import round_texts
from lsr.kernels.transformer.vocabulary_filter import find_candidates, list_candidates
from transformer_inputs import (
    Floats,
    activations,
    normal,
    seeds,
    sizes,
    starts_of,
    text_lengths,
)

ALWAYS, NEVER = 2.0, -1.0
"""Shares above which the filter is given up, so that it is used for each text, or for none."""

SHAPES_OF_NUMBERS = st.sampled_from(
    ["normal", "heavy tails", "nothing active", "all active", "near zero", "equal tokens"]
)


def head_input(kind: str, seed: int, n_terms: int, n_features: int, n_tokens: int) -> list[Floats]:
    """Return weights, bias and activations that are hard on a filter in one way."""
    weight, bias = normal(seed, n_terms, n_features), normal(seed + 1, n_terms)
    x = activations(seed + 2, n_features, n_tokens)
    if kind == "heavy tails":
        weight, x = weight**3, x**5
    elif kind == "nothing active":
        bias -= 1000
    elif kind == "all active":
        bias += 1000
    elif kind == "near zero" and n_tokens:
        # The largest logits of a text of all tokens, moved to within 1e-6 of zero.
        near = np.random.default_rng(seed).choice([0, 1e-6, -1e-6, 1e-7, -1e-7], n_terms)
        logits = (weight.astype(np.float64) @ x[:, :n_tokens]).max(axis=1)
        bias = (near - logits).astype(np.float32)
    elif kind == "equal tokens":
        x[:] = x[:, :1]
    return [weight, bias, x]


def assert_same_rows(found: ActiveTerms, expected: ActiveTerms, tolerance: float) -> None:
    np.testing.assert_array_equal(found.indptr, expected.indptr)
    np.testing.assert_array_equal(found.terms, expected.terms)
    np.testing.assert_allclose(found.weights, expected.weights, rtol=1e-5, atol=tolerance)


@pytest.mark.parametrize("dense_share", [ALWAYS, NEVER])
@given(seed=seeds, n_terms=sizes, n_features=sizes, lengths=text_lengths)
@settings(deadline=None, max_examples=60)
def test_equals_reference(
    dense_share: float, seed: int, n_terms: int, n_features: int, lengths: list[int]
) -> None:
    head = pack_head(normal(seed, n_terms, n_features), normal(seed + 1, n_terms))
    x = activations(seed + 2, n_features, sum(lengths))

    found = active_terms(head, x, starts_of(lengths), dense_share)

    assert_same_rows(found, active_terms_reference(head, x, starts_of(lengths)), 1e-5)


@given(SHAPES_OF_NUMBERS, seeds, sizes, sizes, st.one_of(text_lengths, st.just([1])), st.booleans())
@settings(deadline=None, max_examples=150)
def test_the_filter_changes_no_bit(
    kind: str, seed: int, n_terms: int, n_features: int, lengths: list[int], is_one_text: bool
) -> None:
    lengths = [sum(lengths)] if is_one_text else lengths
    weight, bias, x = head_input(kind, seed, n_terms, n_features, sum(lengths))
    head, starts = pack_head(weight, bias), starts_of(lengths)

    filtered, plain = (active_terms(head, x, starts, share) for share in (ALWAYS, NEVER))

    for one, other in zip(filtered, plain, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", ["normal", "heavy tails", "near zero"])
def test_the_filter_changes_no_bit_in_a_model_of_usual_size(kind: str) -> None:
    weight, bias, x = head_input(kind, 1, 9000, 256, 130)
    head, starts = pack_head(weight, bias), starts_of([130, 0])

    filtered, plain = (active_terms(head, x, starts, share) for share in (ALWAYS, NEVER))

    assert plain.terms.size > 3000
    for one, other in zip(filtered, plain, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_filter_rules_out_nearly_all_that_is_not_active() -> None:
    """As in a trained model: one term of a hundred is active."""
    weight, bias = normal(1, 5000, 128) * np.float32(0.06), normal(2, 5000) - 4
    head, x, starts = pack_head(weight, bias), activations(3, 128, 120), starts_of([60, 60])

    masks, is_dense = find_candidates(head.filter, round_texts(x, starts), 0.5)
    indptr, _ = list_candidates(masks, is_dense, 5000)

    n_active = active_terms(head, x, starts).terms.size
    assert not is_dense.any()
    assert 50 < n_active <= indptr[-1] < 1.6 * n_active


def test_texts_are_dense_one_by_one() -> None:
    head = pack_head(np.abs(normal(1, 2000, 8)), normal(2, 2000))
    x = np.ones((8, 48), dtype=np.float32)
    lengths = [3, 20, 0, 1, 5]
    starts = starts_of(lengths)
    x[:, 3:23] = x[:, 24:] = -10  # texts 1 and 4 activate nothing

    _, is_dense = find_candidates(head.filter, round_texts(x, starts), 0.5)
    found = active_terms(head, x, starts)

    assert is_dense.tolist() == [True, False, False, True, False]
    assert_same_rows(found, active_terms_reference(head, x, starts), 1e-5)


def test_padding_and_neighbours_count_for_nothing() -> None:
    head = pack_head(np.ones((5, 1), dtype=np.float32))
    x = np.full((1, 16), 9.0, dtype=np.float32)
    x[0, 3:6] = -1, 2, -1

    found = active_terms(head, x, np.array([3, 6]))

    np.testing.assert_allclose(found.weights, np.log1p(2), rtol=1e-6)
    assert found.terms.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("dense_share", [ALWAYS, NEVER])
def test_a_logit_of_zero_is_not_active(dense_share: float) -> None:
    head = pack_head(np.zeros((3, 2), dtype=np.float32), np.array([0, 1, -1], dtype=np.float32))

    found = active_terms(head, activations(1, 2, 4), starts_of([4]), dense_share)

    assert found.terms.tolist() == [1]


@pytest.mark.parametrize("dense_share", [ALWAYS, NEVER])
def test_a_text_without_tokens_has_no_terms(dense_share: float) -> None:
    head = pack_head(np.zeros((3, 2), dtype=np.float32), np.ones(3, dtype=np.float32))

    found = active_terms(head, activations(1, 2, 4), starts_of([0, 4, 0]), dense_share)

    assert found.indptr.tolist() == [0, 0, 3, 3]


def test_no_texts_have_no_terms() -> None:
    found = active_terms(pack_head(normal(1, 3, 2)), activations(1, 2, 0), starts_of([]))

    assert found.indptr.tolist() == [0]
    assert found.terms.size == found.weights.size == 0


@given(seeds, sizes, sizes, text_lengths)
@settings(deadline=None, max_examples=40)
def test_each_text_chooses_among_its_own_terms(
    seed: int, n_terms: int, n_features: int, lengths: list[int]
) -> None:
    weight, bias = normal(seed, n_terms, n_features), normal(seed + 1, n_terms)
    x, starts = activations(seed + 2, n_features, sum(lengths)), starts_of(lengths)
    chosen = np.random.default_rng(seed).random((len(lengths), n_terms)) < 0.4
    rows, terms = np.nonzero(chosen)
    indptr = np.searchsorted(rows, np.arange(len(lengths) + 1)).astype(np.int64)

    found = active_among(weight, bias, x, starts, indptr, terms.astype(np.uint32))

    every = active_terms(pack_head(weight, bias), x, starts)
    texts = np.repeat(np.arange(len(lengths)), np.diff(every.indptr))
    kept = chosen[texts, every.terms]
    np.testing.assert_array_equal(found.terms, every.terms[kept])
    np.testing.assert_array_equal(found.weights, every.weights[kept])
    counts = np.bincount(texts[kept], minlength=len(lengths))
    np.testing.assert_array_equal(np.diff(found.indptr), counts)
