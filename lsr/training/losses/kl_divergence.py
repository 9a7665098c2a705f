"""Does the student spread its scores over a group as the teacher does? Kullback-Leibler divergence.

    loss = T^2 * mean over b of KL( softmax(t[b] / T) || softmax(s[b] / T) )

The factor T^2 keeps gradients of one size for every temperature T; at T = 1 it is nothing.

DiSCo distils conversational search by this loss at T = 1, where the teacher's scores are those of
rewritten queries with documents of the same index; see `lsr.training.teacher_scores` for how it
chooses documents and fuses teachers.

Papers: G. Hinton, O. Vinyals, J. Dean, "Distilling the Knowledge in a Neural Network", 2015,
section 2; S. Lupart, M. Aliannejadi, E. Kanoulas, "DiSCo: LLM Knowledge Distillation for Efficient
Sparse Retrieval in Conversational Search", 2024.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

if TYPE_CHECKING:
    import torch

    from lsr.training.scores import Scores


class KlDivergence(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="kl"):
    """Divergence of the student's distribution over each group from the teacher's.

    Attributes:
        weight: what the loss is multiplied with.
        temperature: what both sides' scores are divided by.
    """

    needs_teacher: ClassVar[bool] = True
    needs_negatives: ClassVar[bool] = True
    needs_recall: ClassVar[bool] = False

    weight: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    temperature: Annotated[float, msgspec.Meta(gt=0)] = 1.0

    def value(self, scores: Scores) -> torch.Tensor:
        """Return the loss, before its weight."""
        import torch

        student = (scores.own / self.temperature).log_softmax(1)
        teacher = (scores.own_teacher / self.temperature).log_softmax(1)
        divergence = torch.nn.functional.kl_div(
            student, teacher, reduction="batchmean", log_target=True
        )
        return divergence * self.temperature**2
