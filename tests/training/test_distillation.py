from pathlib import Path

import numpy as np
import pytest
import torch

from lsr.training.distillation import (
    LearnedTerms,
    Reading,
    read,
    scores_error,
    states_error,
    weights_error,
)
from lsr.training.model_loading import StartingModel, load_starting_model
from lsr.training.recipe import ModelPart


def reading(weights: list[list[float]], *states: torch.Tensor) -> Reading:
    mask = torch.tensor([[1, 1, 0]])
    return Reading(torch.tensor(weights), states, mask)


@pytest.fixture
def start(tiny_bert: Path) -> StartingModel:
    return load_starting_model(ModelPart(str(tiny_bert), max_length=32), seed=0)


def test_a_reading_is_what_the_tower_says_of_the_terms(start: StartingModel) -> None:
    tower = start.encoder.documents.eval()
    texts = start.document_texts.tokenize(["water ocean island", "the river and the mountain"])
    learned = LearnedTerms(torch.arange(tower.n_terms) % 2 == 1, has_literal=False)

    found = read(tower, texts, learned, learned.of(texts))

    assert (found.vectors > 0).any()
    torch.testing.assert_close(found.vectors, tower(texts)[:, 1::2])
    assert (found.weights < 0).any()
    assert [state.shape for state in found.states] == [found.states[0].shape] * 3


def test_texts_that_hold_them_have_other_terms_too(start: StartingModel) -> None:
    tower = start.encoder.documents.eval()
    texts = start.document_texts.tokenize(["water ocean island", "the river and the mountain"])
    learned = LearnedTerms(torch.arange(tower.n_terms) % 2 == 1, has_literal=True)
    terms = learned.of(texts)

    found = read(tower, texts, learned, terms)

    whole = tower(texts).detach()
    for text, weights, vector in zip(texts, found.vectors, whole, strict=True):
        own = set(text.ids.tolist())
        expected = [
            float(vector[term]) if term % 2 or term in own else 0 for term in terms.tolist()
        ]
        np.testing.assert_allclose(weights.detach().numpy(), expected, rtol=1e-5, atol=1e-6)


def test_weights_count_for_terms_that_either_has() -> None:
    teacher = reading([[2.0, 1.0, -1.0, -1.0]])
    student = reading([[1.5, -0.5, 0.5, -3.0]])

    # 0.5 too little, 1.5 from having it, 0.5 too much; neither has the last.
    expected = (0.5**2 + 1.5**2 + 0.5**2) / (2.0**2 + 1.0**2)
    assert float(weights_error(student, teacher)) == pytest.approx(expected)
    assert float(weights_error(teacher, teacher)) == 0


def test_a_term_that_the_student_lacks_has_a_gradient_and_one_that_both_lack_has_none() -> None:
    weights = torch.tensor([[-0.5, -2.0]], requires_grad=True)
    student = Reading(weights, (), torch.ones(1, 1))

    weights_error(student, reading([[1.0, -1.0]])).backward()

    assert weights.grad is not None
    assert weights.grad[0, 0] < 0
    assert weights.grad[0, 1] == 0


def test_states_count_in_parts_of_the_teachers_and_within_texts() -> None:
    random = np.random.default_rng(0)
    own, wanted = random.normal(size=(2, 2, 1, 3, 4)).astype(np.float32)
    student = reading([[0.0]], *torch.from_numpy(own))
    teacher = reading([[0.0]], *torch.from_numpy(wanted))

    parts = [
        np.square(own[layer, :, :2] - wanted[layer, :, :2]).sum()
        / np.square(wanted[layer, :, :2]).sum()
        for layer in range(2)
    ]
    assert float(states_error(student, teacher)) == pytest.approx(np.mean(parts), rel=1e-5)


def test_scores_count_by_the_divergence_of_their_distributions() -> None:
    own, wanted = np.array([[1.0, 2.0, 0.5], [0.0, 3.0, 1.0]]), np.array([[2.0, 1.0, 0.0]] * 2)

    def distribution(scores: np.ndarray) -> np.ndarray:
        return np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)

    p, q = distribution(wanted), distribution(own)
    expected = (p * np.log(p / q)).sum(axis=1).mean()
    found = scores_error(torch.from_numpy(own), torch.from_numpy(wanted))
    assert float(found) == pytest.approx(expected)
