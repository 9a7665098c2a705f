"""What does a loss see? How every query of a batch scores, beside what a teacher says.

A batch is n queries, each with a group of g documents: one that is relevant, in slot 0, and g - 1
negatives. It is the batch of all processes, whatever share of it each encodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Scores:
    """Dot products of queries and documents.

    Attributes:
        batch: shape (n, n * g), of every query with every document; the group of query b stands in
            columns b * g to (b + 1) * g.
        relevant: shape (n, n * g), true where a document is known to be relevant to the query.
        teacher: shape (n, g), of each query with its own group; None if no loss asks.
        recall: for queries and for relevant documents, the weights that they have for the terms
            that they hold, and the recall of these terms, both of shape (n_entries,); empty if no
            loss asks.
        dense: `batch` of the dense halves; None where a side has none.
    """

    batch: torch.Tensor
    relevant: torch.Tensor
    teacher: torch.Tensor | None = None
    recall: Sequence[tuple[torch.Tensor, torch.Tensor]] = ()
    dense: torch.Tensor | None = None

    @property
    def n_queries(self) -> int:
        """How many queries there are."""
        return int(self.batch.shape[0])

    @property
    def group_size(self) -> int:
        """How many documents each query has of its own."""
        return int(self.batch.shape[1]) // self.n_queries

    @property
    def own(self) -> torch.Tensor:
        """Scores of each query with its own group, shape (n, g)."""
        import torch

        grouped = self.batch.view(self.n_queries, self.n_queries, self.group_size)
        each = torch.arange(self.n_queries, device=grouped.device)
        return grouped[each, each]

    @property
    def own_teacher(self) -> torch.Tensor:
        """The teacher's scores, of which the recipe has made sure."""
        assert self.teacher is not None
        return self.teacher
