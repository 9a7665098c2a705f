"""Each loss and its gradient against a few lines of NumPy in float64, written from its formula."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lsr.training.losses import (
    Candidates,
    Contrastive,
    DenseContrastive,
    KlDivergence,
    Likelihood,
    Loss,
    MarginMse,
    Pairs,
    Pairwise,
    weighted_losses,
)
from lsr.training.scores import Scores

Array = NDArray[np.float64]
N, G = 4, 3

ROUNDING = 1e-10
"""float64 sums of some dozen terms in another order."""


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max())
    return e / e.sum()


def given(seed: int = 0) -> tuple[Array, NDArray[np.bool_], Array]:
    """Return scores of all queries with all documents, what is relevant, and a teacher's."""
    rng = np.random.default_rng(seed)
    relevant = np.zeros((N, N * G), bool)
    for b in range(N):
        relevant[b, b * G] = True
    relevant[0, 2 * G] = True  # the positive of query 2 is relevant to query 0 as well
    relevant[1, 3 * G + 1] = True  # and a negative of query 3 to query 1
    return rng.normal(size=(N, N * G)) * 2, relevant, rng.normal(size=(N, G)) * 3


def own(batch: Array, b: int) -> Array:
    return batch[b, b * G : (b + 1) * G]


def contrastive(candidates: Candidates, temperature: float) -> Callable[..., float]:
    def oracle(batch: Array, relevant: NDArray[np.bool_], teacher: Array) -> float:
        losses = []
        for b in range(N):
            kept = [batch[b, b * G]]
            for c in range(N * G):
                is_own, is_positive = c // G == b, c % G == 0
                in_set = {
                    Candidates.BATCH: True,
                    Candidates.OWN: is_own,
                    Candidates.POSITIVES: is_own or is_positive,
                    Candidates.NEGATIVES: not is_positive,
                }[candidates]
                if in_set and not relevant[b, c]:
                    kept.append(batch[b, c])
            losses.append(-np.log(softmax(np.array(kept) / temperature)[0]))
        return float(np.mean(losses))

    return oracle


def pairwise(batch: Array, relevant: NDArray[np.bool_], teacher: Array) -> float:
    return float(
        np.mean(
            [
                np.log(1 + np.exp(own(batch, b)[i] - own(batch, b)[0]))
                for b in range(N)
                for i in range(1, G)
            ]
        )
    )


def likelihood(batch: Array, relevant: NDArray[np.bool_], teacher: Array) -> float:
    return float(np.mean([1 - softmax(own(batch, b))[0] for b in range(N)]))


def margins(batch: Array, relevant: NDArray[np.bool_], teacher: Array) -> float:
    found = []
    for b in range(N):
        s, t = own(batch, b), teacher[b]
        found += [((s[0] - s[i]) - (t[0] - t[i])) ** 2 for i in range(1, G)]
    return float(np.mean(found))


def all_margins(batch: Array, relevant: NDArray[np.bool_], teacher: Array) -> float:
    found = []
    for b in range(N):
        s, t = own(batch, b), teacher[b]
        found += [
            ((s[i] - s[k]) - (t[i] - t[k])) ** 2 for i in range(G) for k in range(G) if i != k
        ]
    return float(np.mean(found))


def divergence(temperature: float) -> Callable[..., float]:
    def oracle(batch: Array, relevant: NDArray[np.bool_], teacher: Array) -> float:
        found = []
        for b in range(N):
            p, q = softmax(teacher[b] / temperature), softmax(own(batch, b) / temperature)
            found.append((p * np.log(p / q)).sum())
        return float(np.mean(found) * temperature**2)

    return oracle


CASES: list[tuple[Loss, Callable[..., float]]] = [
    *((Contrastive(candidates=one), contrastive(one, 1.0)) for one in Candidates),
    (Contrastive(temperature=0.5), contrastive(Candidates.BATCH, 0.5)),
    (DenseContrastive(temperature=0.5), contrastive(Candidates.BATCH, 0.5)),
    (Pairwise(), pairwise),
    (Likelihood(), likelihood),
    (MarginMse(), margins),
    (MarginMse(pairs=Pairs.ALL), all_margins),
    (KlDivergence(), divergence(1.0)),
    (KlDivergence(temperature=3.0), divergence(3.0)),
]
NAMES = [str(loss) for loss, _ in CASES]


def value(loss: Loss, batch: torch.Tensor, relevant: NDArray[np.bool_], teacher: Array) -> object:
    given = torch.from_numpy(relevant), torch.from_numpy(teacher)
    if isinstance(loss, DenseContrastive):
        return loss.value(Scores(torch.zeros_like(batch), *given, dense=batch))
    return loss.value(Scores(batch, *given))


@pytest.mark.parametrize(("loss", "oracle"), CASES, ids=NAMES)
def test_equals_its_formula(loss: Loss, oracle: Callable[..., float]) -> None:
    for seed in range(3):
        batch, relevant, teacher = given(seed)

        found = value(loss, torch.from_numpy(batch), relevant, teacher)

        assert float(found) == pytest.approx(oracle(batch, relevant, teacher), abs=ROUNDING)  # type: ignore[arg-type]


@pytest.mark.parametrize(("loss", "oracle"), CASES, ids=NAMES)
def test_gradient_is_that_of_the_formula(loss: Loss, oracle: Callable[..., float]) -> None:
    batch, relevant, teacher = given(7)
    leaf = torch.from_numpy(batch).requires_grad_()
    value(loss, leaf, relevant, teacher).backward()  # type: ignore[attr-defined]

    step = 1e-5
    for row, column in np.ndindex(batch.shape):
        higher, lower = batch.copy(), batch.copy()
        higher[row, column] += step
        lower[row, column] -= step
        slope = (oracle(higher, relevant, teacher) - oracle(lower, relevant, teacher)) / (2 * step)
        # A central difference is off by the square of its step, and by rounding over the step.
        assert float(leaf.grad[row, column]) == pytest.approx(slope, abs=1e-8)


def test_documents_that_are_relevant_are_not_pushed_away() -> None:
    batch, relevant, teacher = given()
    leaf = torch.from_numpy(batch).requires_grad_()

    value(Contrastive(), leaf, relevant, teacher).backward()  # type: ignore[attr-defined]

    assert float(leaf.grad[0, 2 * G]) == 0
    assert float(leaf.grad[1, 3 * G + 1]) == 0
    assert float(leaf.grad[2, 2 * G]) < 0


def test_a_constant_added_to_a_teachers_scores_of_a_query_changes_no_margin() -> None:
    batch, relevant, teacher = given()
    shifted = teacher + np.arange(N)[:, None] * 10

    for loss in (MarginMse(), MarginMse(pairs=Pairs.ALL), KlDivergence()):
        found = [
            float(value(loss, torch.from_numpy(batch), relevant, one))  # type: ignore[arg-type]
            for one in (teacher, shifted)
        ]
        assert found[0] == pytest.approx(found[1], abs=ROUNDING)


def test_losses_of_one_kind_and_their_weights_add_up() -> None:
    batch, relevant, teacher = given()
    scores = Scores(torch.from_numpy(batch), torch.from_numpy(relevant), torch.from_numpy(teacher))

    parts = weighted_losses(
        [KlDivergence(), MarginMse(weight=0.05), KlDivergence(weight=2.0, temperature=2.0)], scores
    )

    assert list(parts) == ["kl", "margin_mse"]
    expected = divergence(1.0)(batch, relevant, teacher) + 2 * divergence(2.0)(
        batch, relevant, teacher
    )
    assert float(parts["kl"]) == pytest.approx(expected, abs=ROUNDING)
    assert float(parts["margin_mse"]) == pytest.approx(
        0.05 * margins(batch, relevant, teacher), abs=ROUNDING
    )
