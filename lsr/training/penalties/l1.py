"""How heavy are vectors? The sum of a text's weights, averaged over the texts (L1).

    penalty = mean over texts b of sum over terms j of |w[b,j]|

Paper: C. Lassance, S. Clinchant, "An Efficiency Study for SPLADE Models", SIGIR 2022, section 3.2,
which penalises queries so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

if TYPE_CHECKING:
    import torch


class L1(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="l1"):
    """The L1 penalty.

    Attributes:
        lambda_: what the penalty is multiplied with, once the ramp has ended.
    """

    is_steered: ClassVar[bool] = True
    needs_idf: ClassVar[bool] = False

    lambda_: Annotated[float, msgspec.Meta(ge=0)] = msgspec.field(name="lambda")

    def value(self, weights: torch.Tensor, idf: torch.Tensor | None = None) -> torch.Tensor:
        """Return the penalty of vectors, shape (n_texts, n_terms), before its lambda."""
        return weights.abs().sum(1).mean()
