"""Does the positive score above each negative? The logistic loss of their differences (RankNet).

    loss = mean over b and the query's negatives i of log(1 + exp(s[b,i] - s[b,+]))

Paper: C. Burges et al., "Learning to Rank using Gradient Descent", ICML 2005, section 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

if TYPE_CHECKING:
    import torch

    from lsr.training.scores import Scores


class Pairwise(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="pairwise"):
    """Logistic loss of the positive against each of the query's own negatives.

    Attributes:
        weight: what the loss is multiplied with.
    """

    needs_teacher: ClassVar[bool] = False
    needs_negatives: ClassVar[bool] = True
    needs_recall: ClassVar[bool] = False

    weight: Annotated[float, msgspec.Meta(gt=0)] = 1.0

    def value(self, scores: Scores) -> torch.Tensor:
        """Return the loss, before its weight."""
        import torch

        own = scores.own
        return torch.nn.functional.softplus(own[:, 1:] - own[:, :1]).mean()
