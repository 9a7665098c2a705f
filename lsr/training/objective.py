"""What does a step make smaller? Losses and penalties of the whole batch, of all processes.

    objective = sum of losses + sum over sides of ramp(step) * factor * lambda * penalty

The one convention of penalties: they see the vectors of the whole batch of an optimizer step at
once, queries apart from documents, positives and negatives together. How many texts are encoded at
a time and how many processes share the batch changes nothing (docs/adr/0013).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from lsr.training.losses import weighted_losses
from lsr.training.penalties import Flops, separate_flops
from lsr.training.ramp import ramp
from lsr.training.recipe import Recipe, SidePart
from lsr.training.scores import Scores
from lsr.training.sparsity_target import SparsityTarget
from lsr.training.term_recall import TermRecall


class Objective:
    """The objective of a recipe, with what it remembers between steps.

    Args:
        recipe: the recipe.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._targets = {
            name: SparsityTarget(target, recipe.schedule.steps, recipe.schedule.decay)
            for name, side in self._sides.items()
            if (target := side.target_terms or side.target_flops) is not None
        }

    @property
    def _sides(self) -> dict[str, SidePart]:
        return {"queries": self._recipe.queries, "documents": self._recipe.documents}

    def parts(
        self,
        queries: torch.Tensor,
        documents: torch.Tensor,
        *,
        relevant: torch.Tensor,
        teacher: torch.Tensor | None,
        recall: Sequence[TermRecall] = (),
        dense: tuple[torch.Tensor, torch.Tensor] | None = None,
        idf: torch.Tensor | None,
        step: int,
    ) -> dict[str, torch.Tensor]:
        """Return what is summed up to the objective, by name.

        Args:
            queries: shape (n, n_terms), vectors of the whole batch.
            documents: shape (n * g, n_terms), group by group.
            relevant: see `Scores`.
            teacher: see `Scores`.
            recall: of queries and of documents; none if no loss asks.
            dense: the dense halves of queries and of documents, a row each; None without.
            idf: shape (n_terms,), weights of query terms where a table gives them.
            step: optimizer step that is being made, from 1.
        """
        beside = [
            _beside(vectors, one)
            for vectors, one in zip((queries, documents), recall, strict=False)
        ]
        of_dense = None if dense is None else dense[0] @ dense[1].t()
        scores = Scores(queries @ documents.t(), relevant, teacher, beside, of_dense)
        parts = weighted_losses(self._recipe.losses, scores)
        for name, vectors in (("queries", queries), ("documents", documents)):
            side = self._sides[name]
            for penalty in side.penalties:
                strength = penalty.lambda_
                if penalty.is_steered:
                    strength *= self.strength(name, step)
                tag = penalty.__struct_config__.tag
                parts[f"{name}_{tag}"] = strength * penalty.value(vectors, idf)
        return parts

    def strength(self, side: str, step: int) -> float:
        """Return what the steered lambdas of a side are multiplied with at a step."""
        target = self._targets.get(side)
        return ramp(step, self._sides[side].ramp_steps) * (target.factor if target else 1.0)

    def observe(self, queries: torch.Tensor, documents: torch.Tensor, step: int) -> None:
        """Steer to the targets by what the vectors of a step were."""
        for name, vectors in (("queries", queries), ("documents", documents)):
            if name not in self._targets:
                continue
            side = self._sides[name]
            measured = (
                mean_terms(vectors) if side.target_terms else shared_terms(queries, documents)
            )
            self._targets[name].observe(measured, ramp(step, side.ramp_steps))

    def separate_lambda(self, documents: torch.Tensor, group_size: int, step: int) -> float | None:
        """Return the lambda of documents that would weigh as much with positives apart.

        The code of SPLADE's authors takes FLOPS of positives and of negatives by itself, so that
        its lambda stands for less; here for this batch. None where there is no FLOPS or no
        negatives.
        """
        flops = [one for one in self._recipe.documents.penalties if type(one) is Flops]
        if not flops or group_size == 1:
            return None
        groups = documents.view(-1, group_size, documents.shape[1])
        apart = float(separate_flops(groups[:, 0], groups[:, 1:].flatten(0, 1)))
        together = float(flops[0].value(documents))
        mine = flops[0].lambda_ * self.strength("documents", step)
        return mine * together / apart if apart else None

    def state(self) -> dict[str, Any]:
        """Return JSON values from which `restore` goes on."""
        return {name: target.state() for name, target in self._targets.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        for name, target in self._targets.items():
            target.restore(state[name])


def _beside(vectors: torch.Tensor, recall: TermRecall) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the weights of terms in vectors, and their recall."""
    device = vectors.device
    rows, terms = (torch.from_numpy(one).to(device) for one in (recall.rows, recall.terms))
    return vectors[rows, terms], torch.from_numpy(recall.shares).to(device)


def mean_terms(vectors: torch.Tensor) -> float:
    """Return the mean number of terms of a vector."""
    return float((vectors > 0).sum(1).float().mean())


def shared_terms(queries: torch.Tensor, documents: torch.Tensor) -> float:
    """Return FLOPS as a measure: terms that a query and a document are expected to share.

    Sum over the terms of the share of queries and the share of documents that have it.
    """
    shares = [(vectors > 0).float().mean(0) for vectors in (queries, documents)]
    return float(shares[0] @ shares[1])
