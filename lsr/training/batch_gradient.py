"""How does one step see a batch that memory does not hold? By caching gradients of its vectors.

1. All texts of this process are encoded a few at a time, without gradients; only vectors are kept.
2. Vectors of all processes are gathered, and the objective of the whole batch is computed, with
   gradients as far as this process's vectors.
3. The texts are encoded again, with gradients, each few carrying on those of its vectors.
4. Gradients of the weights are summed over the processes.

So the gradient is that of the objective of the whole batch, exactly, however it is cut up. A batch
that is encoded at once skips step 1 and is encoded only once.

Paper: L. Gao et al., "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup",
2021, section 3.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from lsr.encoders.tokenization import TokenizedText
from lsr.training.batches import TrainingBatch
from lsr.training.frozen_vectors import FrozenVectors
from lsr.training.objective import Objective
from lsr.training.towers import NetworkTower, Tower, TrainableEncoder

DROPOUT = 2
"""The random stream of dropout; those of `lsr.training.batches` are others."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step computed; tensors have no gradients.

    Attributes:
        parts: what was summed up to the objective.
        queries: shape (n, n_terms), vectors of the whole batch.
        documents: shape (n * g, n_terms), the same.
        first_token_share: of some documents of this process; see `NetworkTower`. Computed when
            it is called.
    """

    parts: dict[str, torch.Tensor]
    queries: torch.Tensor
    documents: torch.Tensor
    first_token_share: Callable[[], float | None]


Autocast = Callable[[], AbstractContextManager[Any]]
Backward = Callable[[torch.Tensor], None]


@dataclass(frozen=True, slots=True)
class Gradient(ABC):
    """Computes the gradient of a step.

    Attributes:
        encoder: the towers.
        objective: of the recipe.
        micro_batch: queries encoded at a time, with their documents; None for all.
        seed: of the recipe, for dropout.
        autocast: makes the context in which texts are encoded.
        backward: carries gradients on from a number.
    """

    encoder: TrainableEncoder
    objective: Objective
    micro_batch: int | None
    seed: int
    autocast: Autocast
    backward: Backward

    @abstractmethod
    def compute(self, batch: TrainingBatch, step: int) -> StepResult:
        """Add the gradient of a step; see `Gradient`."""


MakesGradient = Callable[
    [TrainableEncoder, Objective, int | None, int, Autocast, Backward], Gradient
]
"""Makes a `Gradient` of its attributes, which a trainer has."""


@dataclass(frozen=True, slots=True)
class _Few:
    """Texts that are encoded at a time."""

    tower: Tower
    texts: Sequence[TokenizedText]
    seed: int


@dataclass(frozen=True, slots=True)
class BatchGradient(Gradient):
    """Computes the gradient of the whole batch's objective, a few texts at a time."""

    _frozen: dict[Tower, FrozenVectors] = field(default_factory=dict, init=False)

    def compute(self, batch: TrainingBatch, step: int) -> StepResult:
        """Add the gradient of a step; see `Gradient`."""
        few = {
            "queries": self._cut(self.encoder.queries, batch.queries, 1, (0, step)),
            "documents": self._cut(
                self.encoder.documents, batch.documents, batch.group_size, (1, step)
            ),
        }
        is_whole = all(len(one) == 1 for one in few.values())
        with torch.set_grad_enabled(is_whole):
            encoded = {side: [self._encode(one) for one in cut] for side, cut in few.items()}
        own = {side: torch.cat([one.float() for one in parts]) for side, parts in encoded.items()}
        leaves = {side: one.detach().requires_grad_() for side, one in own.items()}
        whole = {side: gathered(leaf) for side, leaf in leaves.items()}
        parts = self._objective(batch, whole, step)
        gradients = torch.autograd.grad(
            torch.stack(list(parts.values())).sum(), list(leaves.values()), allow_unused=True
        )
        for side, gradient in zip(leaves, gradients, strict=True):
            if gradient is None or not _is_trained(few[side][0].tower):
                continue
            if is_whole:
                self.backward((own[side] * gradient).sum())
            else:
                self._carry_on(few[side], gradient)
        sum_gradients(self.encoder)
        some = few["documents"][0]
        sparse = {side: vectors.detach()[:, : self._n_terms] for side, vectors in whole.items()}
        return StepResult(
            parts={name: part.detach() for name, part in parts.items()},
            queries=sparse["queries"],
            documents=sparse["documents"],
            first_token_share=lambda: some.tower.first_token_share(some.texts),
        )

    def _objective(
        self, batch: TrainingBatch, whole: dict[str, torch.Tensor], step: int
    ) -> dict[str, torch.Tensor]:
        device = whole["queries"].device
        teacher = None if batch.teacher is None else torch.from_numpy(batch.teacher).to(device)
        (queries, dense_queries), (documents, dense_documents) = (
            whole[side].tensor_split([self._n_terms], 1) for side in ("queries", "documents")
        )
        has_dense = self.encoder.has_dense_half
        return self.objective.parts(
            queries,
            documents,
            relevant=torch.from_numpy(batch.relevant).to(device),
            teacher=teacher,
            recall=batch.recall,
            dense=(dense_queries, dense_documents) if has_dense else None,
            idf=self.encoder.idf,
            step=step,
        )

    @property
    def _n_terms(self) -> int:
        """Width of the sparse half, which comes first."""
        return self.encoder.documents.n_terms

    def _cut(
        self,
        tower: Tower,
        texts: Sequence[TokenizedText],
        per_query: int,
        numbers: tuple[int, ...],
    ) -> list[_Few]:
        size = (self.micro_batch or len(texts)) * per_query
        seeds = (self.seed, DROPOUT, _process(), *numbers)
        starts = range(0, len(texts), size)
        return [_Few(tower, texts[at : at + size], stream(*seeds, at)) for at in starts]

    def _encode(self, few: _Few) -> torch.Tensor:
        if isinstance(few.tower, NetworkTower) and not _is_trained(few.tower):
            with self.autocast():
                return self._frozen.setdefault(few.tower, FrozenVectors(few.tower)).of(few.texts)
        # The same seed both times, so that dropout leaves out the same on the way back.
        torch.manual_seed(few.seed)
        with self.autocast():
            vectors: torch.Tensor = few.tower(few.texts)
        return vectors

    def _carry_on(self, cut: Sequence[_Few], gradient: torch.Tensor) -> None:
        """Encode again, with gradients, and carry on those of the vectors."""
        start = 0
        for few in cut:
            vectors = self._encode(few).float()
            self.backward((vectors * gradient[start : start + len(few.texts)]).sum())
            start += len(few.texts)


def gathered(own: torch.Tensor) -> torch.Tensor:
    """Return the rows of all processes in their order; gradients reach this process's alone."""
    if not _is_shared():
        return own
    everyone = [torch.empty_like(own) for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather(everyone, own.detach().contiguous())
    everyone[_process()] = own
    return torch.cat(everyone)


def sum_gradients(encoder: torch.nn.Module) -> None:
    """Sum the weights' gradients over the processes, which each have those of their own texts."""
    if not _is_shared():
        return
    for parameter in encoder.parameters():
        if parameter.requires_grad:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            torch.distributed.all_reduce(parameter.grad)


def stream(*numbers: int) -> int:
    """Return a seed that no other numbers give."""
    # Their count too: a sequence of seeds is as if it went on in zeros.
    sequence = np.random.SeedSequence((len(numbers), *numbers))
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))


def _is_trained(tower: torch.nn.Module) -> bool:
    return any(parameter.requires_grad for parameter in tower.parameters())


def _is_shared() -> bool:
    return bool(torch.distributed.is_available() and torch.distributed.is_initialized())


def _process() -> int:
    return int(torch.distributed.get_rank()) if _is_shared() else 0
