"""Which weights of a vector may go? The light ones, by one of four rules.

Pruning makes vectors shorter and answers approximate. The same rules serve documents, when an
index is built, and queries, when it is searched:

    max_ratio r    keep a weight of at least r times the largest of its vector
    abs_value v    keep a weight of at least v
    alpha_mass a   keep the heaviest weights until they hold the share a of the vector's sum
    top_k n        keep the n heaviest weights

Among equal weights the lower term id counts as the heavier.

Paper: Bruch, Nardini, Rulli, Venturini, "Efficient Inverted Indexes for Approximate Retrieval over
Learned Sparse Representations", SIGIR 2024 (alpha mass).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from lsr.errors import InvalidInputError
from lsr.sparse import SparseBatch

_NUMBER = re.compile(r"\d+(\.\d*)?([eE][+-]?\d+)?|\.\d+")


class PruneType(StrEnum):
    """The rules."""

    MAX_RATIO = "max_ratio"
    ABS_VALUE = "abs_value"
    ALPHA_MASS = "alpha_mass"
    TOP_K = "top_k"


_RANGES = {
    PruneType.MAX_RATIO: "from 0 to 1",
    PruneType.ABS_VALUE: "of at least 0",
    PruneType.ALPHA_MASS: "above 0 and up to 1",
    PruneType.TOP_K: "that is whole and at least 1",
}


@dataclass(frozen=True, slots=True)
class PruneRule:
    """A rule with its number.

    Attributes:
        prune_type: the rule.
        value: its number.

    Raises:
        InvalidInputError: the number is out of the rule's range.

    Example:
        >>> PruneRule.parse("max_ratio:0.1")
        PruneRule(prune_type=<PruneType.MAX_RATIO: 'max_ratio'>, value=0.1)
    """

    prune_type: PruneType
    value: float

    def __post_init__(self) -> None:
        if not _is_in_range(self.prune_type, self.value):
            raise InvalidInputError(
                f"{self.prune_type} takes a number {_RANGES[self.prune_type]}, not {self.value:g}."
            )

    def __str__(self) -> str:
        return f"{self.prune_type}:{str(self.value).removesuffix('.0')}"

    @staticmethod
    def parse(text: str) -> PruneRule:
        """Read a rule such as ``alpha_mass:0.9``, which is how `str` writes it.

        Raises:
            InvalidInputError: the rule is unknown, or its number is none or out of range.
        """
        name, _, number = text.partition(":")
        if name not in list(PruneType) or not _NUMBER.fullmatch(number):
            raise InvalidInputError(
                f"{text!r} is not a pruning rule; write one of {', '.join(PruneType)} with its "
                "number, for example max_ratio:0.1."
            )
        return PruneRule(PruneType(name), float(number))


def prune(batch: SparseBatch, rule: PruneRule) -> SparseBatch:
    """Return vectors that keep only the weights that `rule` keeps."""
    kept = _KEPT[rule.prune_type](batch, rule.value)
    if kept.all():
        return batch
    n_before = np.append(0, np.cumsum(kept, dtype=np.int64))
    return SparseBatch(
        n_before[batch.indptr], batch.terms[kept], batch.weights[kept], batch.n_terms
    )


def _is_in_range(prune_type: PruneType, value: float) -> bool:
    if prune_type is PruneType.MAX_RATIO:
        return 0 <= value <= 1
    if prune_type is PruneType.ABS_VALUE:
        return 0 <= value < float("inf")
    if prune_type is PruneType.ALPHA_MASS:
        return 0 < value <= 1
    return 1 <= value < float("inf") and value == int(value)


def _kept_by_ratio(batch: SparseBatch, ratio: float) -> NDArray[np.bool_]:
    sizes = batch.active_dims
    if batch.nnz == 0:
        return np.zeros(0, dtype=bool)
    # An empty row has no maximum, and `reduceat` would give it its neighbour's.
    maxima = np.maximum.reduceat(batch.weights, batch.indptr[:-1][sizes > 0]).astype(np.float64)
    return batch.weights >= np.repeat(ratio * maxima, sizes[sizes > 0])


def _kept_by_value(batch: SparseBatch, value: float) -> NDArray[np.bool_]:
    return batch.weights >= np.float64(value)


def _kept_by_mass(batch: SparseBatch, share: float) -> NDArray[np.bool_]:
    kept = np.zeros(batch.nnz, dtype=bool)
    for row, (_, weights) in enumerate(batch.rows()):
        order = _heaviest_first(weights)
        # Summed row by row, so that a vector is pruned alike in whichever batch it comes.
        sums = np.cumsum(weights[order], dtype=np.float64)
        n_kept = 1 + int(np.searchsorted(sums, share * sums[-1])) if sums.size else 0
        kept[batch.indptr[row] + order[:n_kept]] = True
    return kept


def _kept_by_rank(batch: SparseBatch, n_heaviest: float) -> NDArray[np.bool_]:
    kept = np.ones(batch.nnz, dtype=bool)
    for row in np.flatnonzero(batch.active_dims > n_heaviest).tolist():
        order = _heaviest_first(batch.row(row)[1])
        kept[batch.indptr[row] + order[int(n_heaviest) :]] = False
    return kept


def _heaviest_first(weights: NDArray[np.float32]) -> NDArray[np.int64]:
    # Terms rise in a row, so a stable sort leaves the lower term first among equals.
    return np.argsort(-weights, kind="stable")


_KEPT = {
    PruneType.MAX_RATIO: _kept_by_ratio,
    PruneType.ABS_VALUE: _kept_by_value,
    PruneType.ALPHA_MASS: _kept_by_mass,
    PruneType.TOP_K: _kept_by_rank,
}
