"""What keeps vectors from vanishing? The squared reciprocal of their mean weight.

    penalty = 1 / ( mean over texts b of sum over terms j of w[b,j] )^2

The code of SPLADE's authors sums over the batch in place of the mean, which makes the penalty
n_texts^2 times smaller in a batch of n_texts; here it does not change with the batch. It has no
ramp: vectors are in danger from the first step on. At exactly zero it is capped, and its gradient
is zero, since nothing could be told from it there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

if TYPE_CHECKING:
    import torch

SMALLEST_MEAN = 1e-3
"""Mean weight of a text below which the penalty grows no more."""


class AntiZero(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="anti_zero"):
    """The anti-zero penalty.

    Attributes:
        lambda_: what the penalty is multiplied with.
    """

    is_steered: ClassVar[bool] = False
    needs_idf: ClassVar[bool] = False

    lambda_: Annotated[float, msgspec.Meta(ge=0)] = msgspec.field(name="lambda")

    def value(self, weights: torch.Tensor, idf: torch.Tensor | None = None) -> torch.Tensor:
        """Return the penalty of vectors, shape (n_texts, n_terms), before its lambda."""
        return weights.sum(1).mean().clamp(min=SMALLEST_MEAN).pow(-2)
