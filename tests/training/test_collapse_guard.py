"""Each way to collapse is seen after enough steps, and not before; health is never an alarm."""

import json

import pytest
import torch

from lsr.training.batch_gradient import StepResult
from lsr.training.collapse_guard import Collapse, CollapseGuard, Symptom, mean_cosine
from lsr.training.recipe import GuardPart

N_TERMS = 1000
PATIENCE = 3


def vectors(n_terms_each: int, seed: int, n: int = 8) -> torch.Tensor:
    """Return vectors of random terms."""
    made = torch.Generator().manual_seed(seed)
    scores = torch.rand(n, N_TERMS, generator=made)
    least = scores.sort(descending=True).values[:, n_terms_each - 1 : n_terms_each]
    return torch.where(scores >= least, scores, 0)


def result(
    documents: torch.Tensor,
    queries: torch.Tensor | None = None,
    first_token_share: float | None = None,
    **parts: float,
) -> StepResult:
    return StepResult(
        parts={name: torch.tensor(value) for name, value in (parts or {"kl": 1.0}).items()},
        queries=vectors(10, 99) if queries is None else queries,
        documents=documents,
        first_token_share=lambda: first_token_share,
    )


def guard(ramp_steps: int = 0, **values: object) -> CollapseGuard:
    return CollapseGuard(GuardPart(patience=PATIENCE, **values), ramp_steps)  # type: ignore[arg-type]


def seen(watch: CollapseGuard, results: list[StepResult]) -> tuple[int, Collapse] | None:
    """Return the first alarm and its step."""
    for step, one in enumerate(results, 1):
        if (collapse := watch.observe(one, step)) is not None:
            return step, collapse
    return None


def alarm(watch: CollapseGuard, results: list[StepResult]) -> tuple[int, Symptom, str]:
    found = seen(watch, results)
    assert found is not None
    return found[0], found[1].symptom, found[1].message


def healthy(n: int, seed: int = 0) -> list[StepResult]:
    return [result(vectors(50, seed + one)) for one in range(n)]


def test_health_is_no_alarm() -> None:
    assert seen(guard(), healthy(20)) is None


def test_empty_documents_are_seen_and_blamed_on_a_large_penalty() -> None:
    empty = torch.zeros(8, N_TERMS)
    results = [result(vectors(50, 0), kl=1.0, documents_flops=9.0), *[result(empty, kl=1.0)] * 5]

    step, symptom, message = alarm(guard(), results)

    assert (step, symptom) == (4, Symptom.EMPTY)
    assert "100% of documents have no term" in message
    assert "up to 90% of the objective" in message


def test_empty_queries_without_penalties_are_blamed_on_the_head() -> None:
    results = [result(vectors(50, 0), queries=torch.zeros(4, N_TERMS))] * 5

    step, symptom, message = alarm(guard(), results)

    assert (step, symptom) == (3, Symptom.EMPTY)
    assert "below zero" in message
    assert "model.start_terms" in message


def test_some_steps_of_empty_vectors_are_survived() -> None:
    empty = result(torch.zeros(8, N_TERMS))
    watch = guard()

    assert seen(watch, [empty, empty, *healthy(1), empty, empty, *healthy(1)]) is None


def test_dense_vectors_are_seen_once_the_ramp_has_ended() -> None:
    dense = [result(vectors(800, one)) for one in range(20)]

    step, symptom, message = alarm(guard(ramp_steps=5), dense)

    assert (step, symptom) == (8, Symptom.DENSE)
    assert "800 of 1,000 terms" in message
    assert "Give documents a penalty" in message


def test_dense_vectors_that_get_sparser_are_left_alone() -> None:
    falling = [result(vectors(980 - 40 * one, one)) for one in range(12)]

    assert seen(guard(), falling) is None


def test_vectors_that_are_all_alike_are_seen() -> None:
    alike = vectors(50, 0)[:1].repeat(8, 1)

    step, symptom, message = alarm(guard(), [result(alike)] * 5)

    assert (step, symptom) == (3, Symptom.ALIKE)
    assert "mean cosine 1.000" in message


def test_a_first_token_that_all_weight_comes_from_is_named() -> None:
    alike = vectors(50, 0)[:1].repeat(8, 1)

    _, symptom, message = alarm(guard(), [result(alike, first_token_share=1.0)] * 5)

    assert symptom is Symptom.ALIKE
    assert "100% of their weight comes from the first token" in message


def test_a_vocabulary_that_dies_is_seen() -> None:
    few = torch.zeros(8, N_TERMS)
    for row in range(8):
        few[row, row % 4 : row % 4 + 2] = torch.rand(2) + 0.5

    step, symptom, message = alarm(guard(), [*healthy(3), *[result(few)] * 3])

    assert (step, symptom) == (6, Symptom.DEAD_VOCABULARY)
    assert "use 5 terms" in message


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_objective_that_is_no_number_is_seen_at_once(value: float) -> None:
    step, symptom, message = alarm(guard(), [result(vectors(50, 0), kl=value, margin_mse=1.0)])

    assert (step, symptom) == (1, Symptom.NOT_FINITE)
    assert "(kl)" in message


def test_what_it_compares_with_is_kept_for_a_resumed_training() -> None:
    first, second = guard(), guard()
    seen(first, healthy(3))
    second.restore(json.loads(json.dumps(first.state())))
    few = torch.zeros(8, N_TERMS)
    for row in range(8):
        few[row, row : row + 2] = torch.tensor([1.0, 2.0])

    assert alarm(second, [result(few)] * 3)[1] is Symptom.DEAD_VOCABULARY


def test_the_mean_cosine_is_that_of_all_pairs() -> None:
    rows = torch.tensor([[3.0, 0], [0, 2], [1, 1], [0, 0]], dtype=torch.float64)
    pairs = [(0, 1, 0.0), (0, 2, 0.5**0.5), (1, 2, 0.5**0.5)]

    assert mean_cosine(rows) == pytest.approx(sum(cosine for *_, cosine in pairs) / 3)
    assert mean_cosine(rows[:1]) == 0
