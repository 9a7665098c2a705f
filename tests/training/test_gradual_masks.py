import numpy as np
import pytest
import torch
from transformers import TrainerControl, TrainerState, TrainingArguments

from lsr.compression import Pattern
from lsr.training.gradual_masks import PrunedMatrices, cubic


class Stepping:
    """Steps of an optimizer that adds noise to all weights, with what a trainer calls around."""

    def __init__(self, weight: torch.nn.Parameter, masks: PrunedMatrices, first: int = 0) -> None:
        self.weight, self.masks, self.step = weight, masks, first
        self.calls = (TrainingArguments("none", report_to=[]), TrainerState(), TrainerControl())

    def run(self, until: int) -> None:
        while self.step < until:
            self.calls[1].global_step = self.step
            self.masks.on_step_begin(*self.calls)
            noise = np.random.default_rng(self.step).normal(0, 0.1, tuple(self.weight.shape))
            with torch.no_grad():
                self.weight.add_(torch.from_numpy(noise.astype(np.float32)))
            self.masks.on_step_end(*self.calls)
            self.step += 1


def matrix() -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.randn(8, 400, generator=torch.Generator().manual_seed(1)))


def share_of_zeros(weight: torch.nn.Parameter) -> float:
    return float((weight == 0).float().mean())


def test_the_schedule_is_cubic_and_changes_every_so_many_steps() -> None:
    progress = cubic(last=50, every=20)

    assert [progress(step) for step in (0, 19)] == [0, 0]
    assert progress(20) == progress(39) == pytest.approx(1 - 0.6**3)
    assert progress(40) == progress(49) == pytest.approx(1 - 0.2**3)
    assert progress(50) == progress(1000) == 1


def test_a_matrix_arrives_at_its_target_in_blocks_and_stays() -> None:
    weight = matrix()
    masks = PrunedMatrices([(weight, 0.8)], Pattern.parse("4x1"), cubic(10, 2))
    stepping = Stepping(weight, masks)

    shares = []
    zeros = torch.zeros_like(weight, dtype=torch.bool)
    for until in range(1, 16):
        stepping.run(until)
        assert (weight[zeros] == 0).all()  # what was removed stays away
        zeros = weight == 0
        shares.append(share_of_zeros(weight))

    assert shares == sorted(shares)
    assert shares[0] == 0
    assert shares[9] < shares[10] == shares[-1] == pytest.approx(0.8)
    assert (zeros.view(2, 4, 400).all(1) == zeros.view(2, 4, 400).any(1)).all()


def test_masks_are_found_again_from_the_weights() -> None:
    pattern = Pattern.parse("4x1")
    one, other = matrix(), matrix()
    Stepping(one, PrunedMatrices([(one, 0.8)], pattern, cubic(10, 3))).run(15)
    Stepping(other, PrunedMatrices([(other, 0.8)], pattern, cubic(10, 3))).run(8)
    Stepping(other, PrunedMatrices([(other, 0.8)], pattern, cubic(10, 3)), first=8).run(15)

    torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_zeros_that_are_there_stay_without_a_schedule() -> None:
    weight = matrix()
    with torch.no_grad():
        weight[:, ::3] = 0
    before = (weight == 0).clone()

    Stepping(weight, PrunedMatrices([(weight, 0.1)], Pattern.parse("unstructured"), None)).run(5)

    assert ((weight == 0) == before).all()
