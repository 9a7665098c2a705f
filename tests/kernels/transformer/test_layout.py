from typing import Any

import numpy as np
import pytest

from lsr.errors import InvalidInputError
from lsr.kernels import transformer
from transformer_inputs import normal, starts_of

MATRIX = transformer.pack_matrix(normal(1, 8, 4))


@pytest.mark.parametrize(
    ("n_tokens", "padded"),
    [(0, 0), (1, 16), (16, 16), (17, 32), (112, 112), (113, 144), (1024, 1040)],
)
def test_rows_are_whole_vectors_of_no_crowded_length(n_tokens: int, padded: int) -> None:
    assert transformer.new_activations(3, n_tokens).shape == (3, padded)


@pytest.mark.parametrize(
    "x",
    [
        np.zeros((4, 17), dtype=np.float32),
        np.zeros((5, 16), dtype=np.float32),
        np.zeros((4, 16), dtype=np.float64),
        np.zeros((4, 32), dtype=np.float32)[:, ::2],
    ],
    ids=["not padded", "other features", "float64", "not contiguous"],
)
def test_what_a_kernel_would_misread_is_refused(x: Any) -> None:
    out = np.zeros((8, x.shape[1]), dtype=np.float32)

    with pytest.raises(InvalidInputError, match=r"x must be C-contiguous float32 of shape \(4, "):
        transformer.multiply(MATRIX, x, out)


def test_an_output_that_is_too_small_is_refused() -> None:
    x, out = np.zeros((4, 32), dtype=np.float32), np.zeros((8, 16), dtype=np.float32)

    with pytest.raises(InvalidInputError, match="out must be"):
        transformer.multiply(MATRIX, x, out)


def test_bytes_of_another_shape_are_refused() -> None:
    x, other = transformer.new_activations(9, 4), transformer.new_quantized(8, 16)

    with pytest.raises(InvalidInputError, match="out must have 3 groups of features"):
        transformer.quantize(x, normal(1, 9), normal(2, 9), other)
    with pytest.raises(InvalidInputError, match="x must have 1 groups of features"):
        matrix = transformer.pack_int8(normal(1, 8, 4))
        transformer.multiply_int8(matrix, other, np.zeros((8, 16), dtype=np.float32))


@pytest.mark.parametrize("starts", [[], [0, 17], [0, 5, 4], [-1, 4]])
def test_texts_outside_of_the_activations_are_refused(starts: list[int]) -> None:
    head = transformer.pack_head(normal(1, 8, 4))

    with pytest.raises(InvalidInputError, match="starts must rise"):
        transformer.active_terms(
            head, transformer.new_activations(4, 16), np.array(starts, dtype=np.int64)
        )


def test_starts_may_leave_tokens_out() -> None:
    head = transformer.pack_head(normal(1, 8, 4))

    found = transformer.active_terms(head, transformer.new_activations(4, 16), starts_of([3]))

    assert found.terms.size == 0
