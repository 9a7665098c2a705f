"""How does a model learn to say what another one says? By its weights, its states and its scores.

No judgments are needed: what the teacher makes of any text is what the student should make of it.
Three errors are added up, each in parts of what the teacher says, so that none depends on a scale:

    weights  sum (s - t)^2 / sum t^2  over texts and terms that either of them has
    states   mean over layers of  sum |h_s - h_t|^2 / sum |h_t|^2  over tokens (SquareHead)
    scores   divergence of the student's distribution over the batch's documents from the teacher's

The student's weight s of a term that it lacks goes on below zero, ``-log(1 - logit)``, so that a
term which it should have has a gradient. A term that neither has counts for nothing. Dropout is
left out: the teacher reads without it.

Papers: E. Kurtic et al., "Sparse Fine-tuning for Inference Acceleration of Large Language Models",
2023, section 3.1 (SquareHead).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from lsr.encoders.method import VocabularyWeighting
from lsr.encoders.pooling import activated
from lsr.encoders.tokenization import TokenizedText
from lsr.encoders.torch_weighers import TextTensors
from lsr.training.batch_gradient import Gradient, StepResult
from lsr.training.batches import TrainingBatch
from lsr.training.tiled_head import largest_logits
from lsr.training.towers import NetworkTower, Tower, TrainableEncoder

SCORES = 0.1
"""How much the error of scores counts; that of weights counts 1."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a tower makes of texts.

    Attributes:
        weights: shape (n_texts, n_terms), of the terms that are looked at; below zero for those
            that a text lacks, where a network says how far it is from having them.
        states: shape (n_texts, n_tokens, width) each, of every layer and of the head; none of a
            table.
        mask: shape (n_texts, n_tokens), 1 for the tokens of each text.
    """

    weights: torch.Tensor
    states: tuple[torch.Tensor, ...]
    mask: torch.Tensor

    @property
    def vectors(self) -> torch.Tensor:
        """The weights above zero."""
        return self.weights.clamp(min=0)


@dataclass(frozen=True, slots=True)
class LearnedTerms:
    """Which terms are learned: some of every text, and others of those texts that hold them.

    Attributes:
        is_open: shape (n_terms,), true for those of every text.
        has_literal: whether there are the others.
    """

    is_open: torch.Tensor
    has_literal: bool

    def of(self, texts: Sequence[TokenizedText]) -> torch.Tensor:
        """Return the ids of those that any of some texts may have, rising."""
        found = self.is_open.clone()
        for text in texts if self.has_literal else ():
            found[torch.from_numpy(text.ids)] = True
        return found.nonzero()[:, 0]

    def allowed(self, texts: Sequence[TokenizedText], terms: torch.Tensor) -> torch.Tensor:
        """Return which of the terms that `of` gave each text may have, shape (n_texts, n)."""
        allowed = self.is_open.repeat(len(texts), 1)
        for row, text in zip(allowed, texts, strict=True):
            row[torch.from_numpy(text.ids)] = True
        return allowed[:, terms]


def read(
    tower: Tower, texts: Sequence[TokenizedText], learned: LearnedTerms, terms: torch.Tensor
) -> Reading:
    """Return what a tower makes of texts.

    Args:
        tower: by the largest logits of a network, or by a table.
        texts: none of them without tokens.
        learned: which terms each of them may have.
        terms: from `LearnedTerms.of`, of these texts and maybe others.
    """
    if not isinstance(tower, NetworkTower):
        weights = tower(texts)[:, terms]
        return Reading(weights, (), weights.new_zeros(0))
    network, weighting = tower.network, tower.side.weighting
    assert isinstance(weighting, VocabularyWeighting)
    layer = network.vocabulary
    batch = TextTensors.of(texts, network.pad_id, layer.weight.device)
    output = network.body(input_ids=batch.ids, attention_mask=batch.mask, output_hidden_states=True)
    bias = None if layer.bias is None else layer.bias[terms]
    largest = largest_logits(output.logits, layer.weight[terms], bias, batch.pooled)
    above, below = (
        activated(logits, weighting.activation, weighting.saturation).clamp(min=0)
        for logits in (largest, -largest)
    )
    weights = torch.where(learned.allowed(texts, terms), above - below, 0)
    return Reading(weights, (*output.hidden_states[1:], output.logits), batch.mask)


def weights_error(student: Reading, teacher: Reading) -> torch.Tensor:
    """Return the error of the weights, in parts of the teacher's."""
    wanted = teacher.vectors
    counts = (wanted > 0) | (student.weights > 0)
    errors = torch.where(counts, student.weights - wanted, 0)
    return errors.square().sum() / wanted.square().sum().clamp(min=1e-9)


def states_error(student: Reading, teacher: Reading) -> torch.Tensor:
    """Return the mean error of the states of every layer, in parts of the teacher's."""
    inside = student.mask[..., None]
    errors = [
        ((own - wanted) * inside).square().sum() / (wanted * inside).square().sum().clamp(min=1e-9)
        for own, wanted in zip(student.states, teacher.states, strict=True)
    ]
    return torch.stack(errors).mean()


def scores_error(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Return the mean divergence of distributions over documents.

    Args:
        student: shape (n_queries, n_documents), scores.
        teacher: the same.
    """
    own, wanted = student.log_softmax(1), teacher.log_softmax(1)
    return torch.nn.functional.kl_div(own, wanted, log_target=True, reduction="batchmean")


@dataclass(frozen=True, slots=True)
class DistilledGradient(Gradient):
    """Computes the gradient of a step by which a model learns what another one says.

    The penalties of the objective count the terms alone that the teacher lacks. Its losses have no
    part in this. A batch is encoded at once, and nothing is random.

    Attributes:
        teacher: of the same vocabulary, in evaluation mode.
        learned: the terms that are learned.
        states: how much the error of states counts.
    """

    teacher: TrainableEncoder
    learned: LearnedTerms
    states: float

    def compute(self, batch: TrainingBatch, step: int) -> StepResult:
        """Add the gradient of a step; see `Gradient`."""
        self.encoder.eval()
        ours, theirs = self.encoder, self.teacher
        seen = (self.learned, self.learned.of([*batch.queries, *batch.documents]))
        with self.autocast():
            queries = read(ours.queries, batch.queries, *seen)
            documents = read(ours.documents, batch.documents, *seen)
            with torch.no_grad():
                asked = read(theirs.queries, batch.queries, *seen)
                wanted = read(theirs.documents, batch.documents, *seen)
        parts = {}
        for side, own, other in (("queries", queries, asked), ("documents", documents, wanted)):
            if own.states:
                parts[f"{side}_weights"] = weights_error(own, other)
                parts[f"{side}_states"] = self.states * states_error(own, other)
        parts["scores"] = SCORES * scores_error(
            queries.vectors @ documents.vectors.t(), asked.vectors @ wanted.vectors.t()
        )
        parts |= self.objective.parts(
            queries.vectors * (asked.vectors == 0),
            documents.vectors * (wanted.vectors == 0),
            relevant=torch.from_numpy(batch.relevant).to(wanted.weights.device),
            teacher=None,
            idf=None,
            step=step,
        )
        self.backward(torch.stack(list(parts.values())).sum())
        tower = ours.documents
        return StepResult(
            parts={name: part.detach() for name, part in parts.items()},
            queries=self._whole(queries, seen[1]),
            documents=self._whole(documents, seen[1]),
            first_token_share=lambda: tower.first_token_share(batch.documents),
        )

    def _whole(self, reading: Reading, terms: torch.Tensor) -> torch.Tensor:
        """Return vectors with a column for every term."""
        vectors = reading.vectors.detach()
        whole = vectors.new_zeros(len(vectors), self.learned.is_open.numel())
        whole[:, terms] = vectors
        return whole
