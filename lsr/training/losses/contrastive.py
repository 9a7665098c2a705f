"""Which document of the batch is the relevant one? Cross-entropy over candidates (InfoNCE).

    loss = mean over b of -log( exp(s[b,+] / t) / sum over candidates c of exp(s[b,c] / t) )

The candidates of a query are its positive and some other documents of the batch. Those that are
known to be relevant to the query are never among them: they would be pushed away for being right.

Paper: A. van den Oord, Y. Li, O. Vinyals, "Representation Learning with Contrastive Predictive
Coding", 2018, equation 4.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

if TYPE_CHECKING:
    import torch

    from lsr.training.scores import Scores


class Candidates(StrEnum):
    """Which documents stand beside a query's positive.

    `BATCH`: its negatives, and every document of the other queries. `OWN`: its negatives, as in
    SPARTA. `POSITIVES`: its negatives and the other queries' positives, as in SPLADE v2.
    `NEGATIVES`: its negatives and the other queries' negatives, as the later code of SPLADE's
    authors.
    """

    BATCH = "batch"
    OWN = "own"
    POSITIVES = "positives"
    NEGATIVES = "negatives"


class Contrastive(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="contrastive"):
    """Cross-entropy of the positive among candidates.

    Attributes:
        weight: what the loss is multiplied with.
        candidates: which documents stand beside the positive.
        temperature: what scores are divided by.
    """

    needs_teacher: ClassVar[bool] = False
    needs_negatives: ClassVar[bool] = False
    needs_recall: ClassVar[bool] = False

    weight: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    candidates: Candidates = Candidates.BATCH
    temperature: Annotated[float, msgspec.Meta(gt=0)] = 1.0

    def value(self, scores: Scores) -> torch.Tensor:
        """Return the loss, before its weight."""
        import torch

        n, g = scores.n_queries, scores.group_size
        column = torch.arange(n * g, device=scores.batch.device)
        positive = torch.arange(n, device=scores.batch.device) * g
        is_own = column // g == torch.arange(n, device=column.device)[:, None]
        is_positive = column % g == 0
        chosen = {
            Candidates.BATCH: torch.ones_like(is_own),
            Candidates.OWN: is_own,
            Candidates.POSITIVES: is_own | is_positive,
            Candidates.NEGATIVES: ~is_positive.expand(n, -1),
        }[self.candidates]
        chosen = chosen & ~scores.relevant
        chosen = chosen.scatter(1, positive[:, None], True)
        logits = (scores.batch / self.temperature).masked_fill(~chosen, -torch.inf)
        return torch.nn.functional.cross_entropy(logits, positive)
