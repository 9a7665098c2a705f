import numpy as np
import pytest

from lsr.encoders.native.expected_inputs import after_dense, after_norm
from lsr.encoders.native.layers import Norm
from lsr.kernels.transformer import Activation, activate_reference
from transformer_inputs import normal


@pytest.mark.parametrize("activation", Activation)
def test_means_and_spreads_are_those_of_random_inputs(activation: Activation) -> None:
    norm = Norm(gamma=normal(1, 20), beta=normal(2, 20), epsilon=1e-12)
    weight, bias = normal(3, 30, 20) * np.float32(0.25), normal(4, 30)

    found = after_dense(after_norm(norm), weight, bias, activation)

    x = norm.beta[:, None] + norm.gamma[:, None] * normal(5, 20, 40_000)
    outputs = activate_reference(weight.astype(np.float64) @ x + bias[:, None], activation)
    np.testing.assert_allclose(found.means, outputs.mean(axis=1), atol=0.04)
    np.testing.assert_allclose(found.spreads, outputs.std(axis=1), atol=0.04)
