"""Is the training still learning to retrieve? Watched at every step, with the likely cause.

Learned sparse retrieval collapses in few ways: vectors become empty, since a term whose weight is
zero has no gradient; or dense, since nothing holds them back; every text gets the same vector,
often that of its first token, on which transformers rest their attention; or terms die one after
another, until few are left to tell texts apart. Losses may look well all the while.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import torch

from lsr.training.batch_gradient import StepResult
from lsr.training.recipe import GuardPart

LARGE_PENALTY = 0.5
"""Share of the objective from which penalties are taken for the cause."""


class Symptom(StrEnum):
    """What is seen."""

    NOT_FINITE = "not_finite"
    EMPTY = "empty"
    DENSE = "dense"
    ALIKE = "alike"
    DEAD_VOCABULARY = "dead_vocabulary"


@dataclass(frozen=True, slots=True)
class Collapse:
    """What went wrong.

    Attributes:
        symptom: what is seen.
        side: whose vectors show it, `queries` or `documents`.
        message: what is seen, why that may be, and what to do.
    """

    symptom: Symptom
    side: str
    message: str


class CollapseGuard:
    """Watches the vectors of each step.

    Args:
        part: of the recipe.
        ramp_steps: steps in which vectors may be dense, since penalties rise.
    """

    def __init__(self, part: GuardPart, ramp_steps: int) -> None:
        self._part = part
        self._ramp_steps = ramp_steps
        self._runs: dict[str, int] = {}
        self._terms: deque[float] = deque(maxlen=part.patience)
        self._used: torch.Tensor | None = None
        self._used_steps = 0
        self._first_vocabulary: int | None = None
        self._penalty_share = 0.0
        self.first_terms: float | None = None

    def observe(self, result: StepResult, step: int) -> Collapse | None:
        """Return what is wrong after a step, once it has been for long enough.

        Args:
            result: of the step.
            step: optimizer step that was made, from 1.
        """
        parts = {name: float(part) for name, part in result.parts.items()}
        if not all(map(math.isfinite, parts.values())):
            names = ", ".join(name for name, part in parts.items() if not math.isfinite(part))
            return Collapse(
                Symptom.NOT_FINITE,
                "documents",
                f"At step {step} the objective is not a finite number ({names}). Gradients have "
                "most likely grown too large: lower schedule.learning_rate, lengthen the warm-up, "
                "or use bfloat16 in place of float16.",
            )
        # Once vectors have vanished, so has their penalty: the largest share is what tells.
        self._penalty_share = max(self._penalty_share, _penalty_share(parts))
        sides = {"queries": result.queries, "documents": result.documents}
        for side, vectors in sides.items():
            share = float((vectors > 0).any(1).logical_not().float().mean())
            if self._persists(f"empty {side}", share > self._part.empty_share):
                return Collapse(Symptom.EMPTY, side, self._why_empty(side, share, step))
        terms = float((result.documents > 0).sum(1).float().mean())
        self.first_terms = terms if self.first_terms is None else self.first_terms
        n_terms = result.documents.shape[1]
        stays = len(self._terms) == self._part.patience and terms >= 0.95 * self._terms[0]
        self._terms.append(terms)
        is_dense = terms > self._part.dense_share * n_terms and stays
        if self._persists("dense", is_dense and step > self._ramp_steps):
            return Collapse(Symptom.DENSE, "documents", _why_dense(terms, n_terms, parts, step))
        likeness = mean_cosine(result.documents)
        if self._persists("alike", likeness > self._part.likeness):
            return Collapse(Symptom.ALIKE, "documents", _why_alike(likeness, result, step))
        return self._dead_vocabulary(result.documents, step)

    def forget(self) -> None:
        """Begin to watch anew, after a repair."""
        self._runs.clear()
        self._terms.clear()
        self._used, self._used_steps = None, 0

    def state(self) -> dict[str, Any]:
        """Return JSON values from which `restore` goes on; what was counted begins anew."""
        return {
            "first_vocabulary": self._first_vocabulary,
            "first_terms": self.first_terms,
            "penalty_share": self._penalty_share,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self._first_vocabulary = state["first_vocabulary"]
        self.first_terms = state["first_terms"]
        self._penalty_share = state["penalty_share"]

    def _persists(self, name: str, is_seen: bool) -> bool:
        """Count the steps in a row that show a symptom; say whether they are enough."""
        self._runs[name] = self._runs.get(name, 0) + 1 if is_seen else 0
        return self._runs[name] >= self._part.patience

    def _why_empty(self, side: str, share: float, step: int) -> str:
        seen = f"At step {step}, {share:.0%} of {side} have no term at all"
        if self._penalty_share > LARGE_PENALTY:
            return (
                f"{seen}: penalties have been up to {self._penalty_share:.0%} of the objective. "
                "Lower their lambda, lengthen the ramp, or set documents.target_terms."
            )
        return (
            f"{seen}, though penalties are small: the head's logits have fallen below zero, where "
            "no gradient reaches them. Lower schedule.learning_rate, lengthen the warm-up, set "
            f"model.start_terms, or add the penalty anti_zero to {side}; models such as RoBERTa "
            "need the bias to be set at the start."
        )

    def _dead_vocabulary(self, documents: torch.Tensor, step: int) -> Collapse | None:
        used = (documents > 0).any(0)
        self._used = used if self._used is None else self._used | used
        self._used_steps += 1
        if self._used_steps < self._part.patience:
            return None
        n_used = int(self._used.sum())
        self._used, self._used_steps = None, 0
        if self._first_vocabulary is None:
            self._first_vocabulary = n_used
        if n_used >= self._part.vocabulary_share * self._first_vocabulary:
            return None
        return Collapse(
            Symptom.DEAD_VOCABULARY,
            "documents",
            f"By step {step} documents use {n_used:,} terms of the vocabulary, where they used "
            f"{self._first_vocabulary:,} at first: the others have died. Penalties have been up to "
            f"{self._penalty_share:.0%} of the objective. Lower the lambda of "
            "documents, lengthen its ramp, or lower schedule.learning_rate.",
        )


def mean_cosine(vectors: torch.Tensor) -> float:
    """Return the mean cosine of two different vectors; 0 where fewer than two are not empty."""
    lengths = vectors.norm(dim=1, keepdim=True)
    unit = (vectors / lengths)[lengths[:, 0] > 0].double()
    n = unit.shape[0]
    # The square of their sum holds every pair twice, and each vector with itself.
    return float((unit.sum(0).square().sum() - n) / (n * (n - 1))) if n > 1 else 0.0


def _penalty_share(parts: Mapping[str, float]) -> float:
    """Return the share of penalties in the objective."""
    penalties = sum(
        value for name, value in parts.items() if name.startswith(("queries_", "documents_"))
    )
    total = sum(parts.values())
    return penalties / total if total > 0 else 0.0


def _why_dense(terms: float, n_terms: int, parts: Mapping[str, float], step: int) -> str:
    has_penalty = any(name.startswith("documents_") for name in parts)
    remedy = (
        "Raise the lambda of documents or set documents.target_terms"
        if has_penalty
        else "Give documents a penalty, such as {type = 'flops', lambda = 0.01}"
    )
    return (
        f"At step {step} documents have {terms:,.0f} of {n_terms:,} terms and do not get sparser: "
        f"nothing holds them back. {remedy}, or set model.start_terms."
    )


def _why_alike(likeness: float, result: StepResult, step: int) -> str:
    seen = (
        f"At step {step} the vectors of all documents are alike (mean cosine {likeness:.3f}), so "
        "that they rank nothing"
    )
    of_first = result.first_token_share()
    if of_first is not None and of_first > 0.5:
        return (
            f"{seen}: {of_first:.0%} of their weight comes from the first token, which "
            "attention rests on whatever the text. Pool the text's own tokens only: a method "
            "with tokens = 'text', such as distilsplade-sep."
        )
    return (
        f"{seen}. Check that positives differ from negatives, lower schedule.learning_rate, and "
        "lower the penalties."
    )
