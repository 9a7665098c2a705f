"""Which weights may be removed together? One by one, N of M neighbours, or in 4x1 blocks.

Each pattern removes equally much of every row, or of every four rows, so that no row is emptied for
another's sake and the kernels find equal work everywhere. Only 4x1 blocks are computed faster
(lsr.kernels.transformer.blocks); the others are for comparison and for other runtimes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.errors import ConfigError

BLOCK_ROWS = 4


@dataclass(frozen=True, slots=True)
class Pattern:
    """What is removed as one, and among what it is chosen.

    Attributes:
        n_rows: rows that lose the same columns: 4, or 1.
        group: neighbouring columns of which equally many go; 0 for all columns.
        n_kept: of each group; 0 where a share says how many.
    """

    n_rows: int
    group: int = 0
    n_kept: int = 0

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """Read ``unstructured``, ``4x1``, or ``N:M`` such as ``2:4``: N kept of M neighbours.

        Raises:
            ConfigError: it is none of these.
        """
        if text in ("unstructured", "4x1"):
            return cls(BLOCK_ROWS if text == "4x1" else 1)
        found = re.fullmatch(r"(\d+):(\d+)", text)
        if found and 0 < int(found[1]) < int(found[2]):
            return cls(1, int(found[2]), int(found[1]))
        raise ConfigError(
            f"The pattern {text!r} is not one of unstructured, 4x1, or N:M with N below M."
        )

    def __str__(self) -> str:
        if self.group:
            return f"{self.n_kept}:{self.group}"
        return "unstructured" if self.n_rows == 1 else f"{self.n_rows}x1"

    def sparsity(self, asked: float | None) -> float:
        """Return the share that is removed.

        Args:
            asked: what a recipe says; None only where the pattern says it itself.

        Raises:
            ConfigError: it is missing, impossible, or contradicts the pattern.
        """
        own = 1 - self.n_kept / self.group if self.group else None
        if asked is None and own is not None:
            return own
        if asked is None or not 0 <= asked <= 1:
            raise ConfigError(f"The sparsity is {asked}, but must be a share from 0 to 1.")
        if own is not None and abs(asked - own) > 1e-9:
            raise ConfigError(
                f"The pattern {self} removes {own:.0%} of the weights, but the sparsity is "
                f"{asked:.0%}; leave it out."
            )
        return asked

    def is_padded(self, shape: tuple[int, int]) -> bool:
        """Return whether a matrix of this shape has a last block or group that is not whole."""
        n_rows, n_columns = shape
        return bool(n_rows % self.n_rows or (self.group and n_columns % self.group))

    def kept(self, scores: NDArray[Any], sparsity: float) -> NDArray[np.bool_]:
        """Return which weights stay: those of the largest scores.

        Args:
            scores: shape (n_rows, n_columns), of each weight; those of a block are added.
            sparsity: share of the columns that every row loses, rounded to whole columns.

        Returns:
            The shape of `scores`. Of equal scores, those of earlier columns stay.
        """
        n_rows, n_columns = scores.shape
        starts = np.arange(0, n_rows, self.n_rows)
        summed = np.add.reduceat(scores, starts, axis=0) if n_rows else scores
        kept = np.zeros(summed.shape, dtype=np.bool_)
        for first in range(0, n_columns, self.group or max(1, n_columns)):
            some = slice(first, min(first + (self.group or n_columns), n_columns))
            width = some.stop - some.start
            n_kept = width - round(width * sparsity)
            best = np.argsort(-summed[:, some], axis=1, kind="stable")[:, :n_kept]
            np.put_along_axis(kept[:, some], best, True, axis=1)
        return np.repeat(kept, self.n_rows, axis=0)[:n_rows]
