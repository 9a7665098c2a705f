import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lsr.encoders.method import Activation, Pooling
from lsr.encoders.pooling import activated, pooled

FORMULAS: dict[Activation, Callable[[float], float]] = {
    Activation.RELU: lambda x: max(0.0, x),
    Activation.SOFTPLUS: lambda x: math.log(1 + math.exp(x)),
    Activation.IDENTITY: lambda x: x,
}


@given(
    number=st.floats(-20, 20, width=32),
    activation=st.sampled_from(Activation),
    saturation=st.integers(0, 2),
)
def test_an_activation_is_its_formula(
    number: float, activation: Activation, saturation: int
) -> None:
    expected = FORMULAS[activation](number)
    for _ in range(saturation):
        expected = math.log(1 + max(0.0, expected))

    found = activated(torch.tensor([number]), activation, saturation)

    # float32 keeps seven digits of numbers up to 20
    assert found.item() == pytest.approx(expected, abs=1e-5)


def test_only_tokens_inside_the_mask_are_pooled() -> None:
    weights = torch.tensor([[[9.0, -9.0], [1.0, -3.0], [0.5, 2.0], [8.0, 8.0]]])
    mask = torch.tensor([[False, True, True, False]])

    found = {pooling: pooled(weights, mask, pooling)[0].tolist() for pooling in Pooling}

    assert found == {
        Pooling.MAX: [1.0, 2.0],
        Pooling.SUM: [1.5, -1.0],
        Pooling.MAGNITUDE: [1.0, -3.0],
    }


def test_weights_of_zero_inside_the_mask_beat_all_outside() -> None:
    weights = torch.tensor([[[0.0], [5.0]]])
    mask = torch.tensor([[True, False]])

    for pooling in Pooling:
        np.testing.assert_array_equal(pooled(weights, mask, pooling).numpy(), [[0.0]])
