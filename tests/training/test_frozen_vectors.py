"""A tower that is not trained is asked once, and says what it would have said."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from lsr.encoders.tokenization import TokenizedText
from lsr.training import frozen_vectors
from lsr.training.frozen_vectors import FrozenVectors
from lsr.training.model_loading import load_starting_model
from lsr.training.recipe import Recipe
from lsr.training.towers import NetworkTower

TEXTS = ["the sparse index of the river", "water water flower", "learned term weight"]

ROUNDING = 1e-6
"""float32 sums that padding takes in another order."""


@pytest.fixture
def tower(make_recipe: Callable[..., Recipe]) -> NetworkTower:
    found = load_starting_model(make_recipe().model, seed=0).encoder.documents.eval()
    assert isinstance(found, NetworkTower)
    return found


@pytest.fixture
def texts(make_recipe: Callable[..., Recipe]) -> list[TokenizedText]:
    return list(load_starting_model(make_recipe().model, seed=0).document_texts.tokenize(TEXTS))


def counted(tower: NetworkTower, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows by the number of texts each time the tower is asked."""
    asked: list[int] = []
    forward = tower.forward

    def counting(texts: Any) -> torch.Tensor:
        asked.append(len(texts))
        return forward(texts)

    monkeypatch.setattr(tower, "forward", counting)
    return asked


def test_vectors_are_those_of_the_tower(tower: NetworkTower, texts: list[TokenizedText]) -> None:
    with torch.no_grad():
        expected = tower(texts).numpy()

    found = FrozenVectors(tower).of(texts)

    np.testing.assert_allclose(found.numpy(), expected, rtol=ROUNDING, atol=ROUNDING)
    assert not found.requires_grad


def test_a_text_is_encoded_once_and_to_the_same_bits_in_any_company(
    tower: NetworkTower, texts: list[TokenizedText], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = counted(tower, monkeypatch)
    vectors = FrozenVectors(tower)

    first = vectors.of(texts)
    again = vectors.of([texts[2], texts[0], texts[2]])

    assert asked == [1, 1, 1]
    assert torch.equal(again, first[[2, 0, 2]])
    assert torch.equal(FrozenVectors(tower).of(texts[1:]), first[1:])


def test_the_oldest_vectors_make_room(
    tower: NetworkTower, texts: list[TokenizedText], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = counted(tower, monkeypatch)
    monkeypatch.setattr(frozen_vectors, "MOST_TEXTS", 2)
    vectors = FrozenVectors(tower)

    vectors.of(texts)
    vectors.of(texts[1:])
    assert len(asked) == 3

    vectors.of(texts[:1])
    assert len(asked) == 4


def test_gradients_of_the_other_tower_are_as_if_it_were_asked_anew(
    make_recipe: Callable[..., Recipe], tower: NetworkTower, texts: list[TokenizedText]
) -> None:
    queries = load_starting_model(make_recipe().model, seed=1).encoder.queries.eval()
    found = []
    for vectors in (FrozenVectors(tower).of(texts), tower(texts).detach()):
        queries.zero_grad()
        (queries(texts[:2]) @ vectors.t()).logsumexp(1).sum().backward()
        found.append(torch.cat([one.grad.flatten() for one in queries.parameters()]))

    np.testing.assert_allclose(found[0], found[1], rtol=1e-4, atol=1e-5)
