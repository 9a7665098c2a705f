"""How likely is the positive among its own group? One minus its probability.

    loss = mean over b of 1 - exp(s[b,+]) / sum over the group i of exp(s[b,i])

Paper: S. MacAvaney et al., "Expansion via Prediction of Importance with Contextualization" (EPIC),
SIGIR 2020, section 3.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

if TYPE_CHECKING:
    import torch

    from lsr.training.scores import Scores


class Likelihood(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="likelihood"):
    """One minus the probability of the positive in its group.

    Attributes:
        weight: what the loss is multiplied with.
    """

    needs_teacher: ClassVar[bool] = False
    needs_negatives: ClassVar[bool] = True
    needs_recall: ClassVar[bool] = False

    weight: Annotated[float, msgspec.Meta(gt=0)] = 1.0

    def value(self, scores: Scores) -> torch.Tensor:
        """Return the loss, before its weight."""
        return (1 - scores.own.softmax(1)[:, 0]).mean()
