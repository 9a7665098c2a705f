"""Which number stands for a weight in another tool?

    weight = value * step

An index of 8-bit impacts gives away its impacts, from 1 to 255: every tool holds them exactly, so
that it ranks as the index does. An index of float32 weights gives away its weights or, rounded,
``max(1, round(weight * scale))`` with a scale that the user names.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.errors import ConfigError, InvalidInputError
from lsr.index import Manifest, WeightType
from lsr.kernels.postings import MAX_IMPACT
from lsr.sparse import SparseBatch

MAX_INTEGER = (1 << 31) - 1
MAX_QUERY_WORDS = 1 << 20
"""Words of a query that repeats each term as often as its weight says."""

_BELOW_NINE_BITS = np.uint32((1 << 15) - 1)
"""Bits of a 32-bit float that one with 9 significant bits leaves at zero."""


class Holds(Enum):
    """What numbers a tool can hold."""

    INTEGERS = "whole numbers"
    NINE_BITS = "numbers of 9 significant bits"
    FLOATS = "32-bit floats"

    def holds(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Say of each value whether the tool holds it as it is."""
        narrow = values.astype(np.float32)
        is_held: NDArray[np.bool_] = narrow == values
        if self is Holds.INTEGERS:
            is_held = values <= MAX_INTEGER
        elif self is Holds.NINE_BITS:
            is_held &= narrow.view(np.uint32) & _BELOW_NINE_BITS == 0
        return is_held


@dataclass(frozen=True, slots=True)
class ValueCode:
    """How weights are written.

    Attributes:
        kind: ``impacts``, ``weights`` or ``rounded weights``.
        step: weight of one unit.
        scale: what weights were multiplied by before they were rounded; None where they were not.
    """

    kind: str
    step: float
    scale: float | None = None

    @classmethod
    def of(cls, manifest: Manifest, tool: str, holds: Holds, scale: float | None) -> ValueCode:
        """Return the code for what an index holds and a tool can hold.

        Raises:
            ConfigError: a scale is missing, or it has no use, or is not above zero.
        """
        if scale is not None and not 0 < scale < float("inf"):
            raise ConfigError(f"--scale is {scale}, but must be above zero.")
        if manifest.weights is WeightType.UINT8:
            if scale is not None:
                raise ConfigError(
                    "The index holds impacts of 8 bits, which leave it as they are; leave --scale "
                    "out."
                )
            return cls("impacts", (manifest.max_weight or MAX_IMPACT) / MAX_IMPACT)
        if scale is not None:
            return cls("rounded weights", 1 / scale, scale)
        if holds is Holds.INTEGERS:
            raise ConfigError(
                f"{tool} holds {holds.value}, but the index holds float32 weights; say what to "
                "multiply them by before they are rounded, as in --scale 100."
            )
        return cls("weights", 1.0)

    def code(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Return the values for what postings hold: integers, or float32."""
        if self.scale is None:
            return stored
        return rounded(stored, self.scale)


def rounded(weights: NDArray[np.float32], scale: float) -> NDArray[np.int64]:
    """Return weights above zero as integers above zero."""
    scaled = np.rint(weights.astype(np.float64) * scale)
    return np.clip(scaled, 1, 1 << 62).astype(np.int64)


def scale_of_queries(vectors: SparseBatch, scale: float | None) -> float:
    """Return what query weights are to be multiplied by before they are rounded.

    Raises:
        ConfigError: it is not above zero, or missing although there are fractions.
    """
    if scale is not None:
        if not 0 < scale < float("inf"):
            raise ConfigError(f"--query-scale is {scale}, but must be above zero.")
        return scale
    if np.mod(vectors.weights, 1).any():
        raise ConfigError(
            "The weights of the queries are fractions, but a query file of this tool repeats terms "
            "a whole number of times; say what to multiply them by before they are rounded, as in "
            "--query-scale 100."
        )
    return 1.0


def repeated_terms(names: list[str], integers: NDArray[np.int64], query_id: str) -> str:
    """Return each term as often as its weight says, with blanks between.

    Raises:
        InvalidInputError: that would be more than `MAX_QUERY_WORDS` words.
    """
    if float(integers.sum(dtype=np.float64)) > MAX_QUERY_WORDS:
        raise InvalidInputError(
            f"The query {query_id!r} would become more than {MAX_QUERY_WORDS:,} words; choose a "
            "smaller --query-scale."
        )
    pairs = zip(names, integers.tolist(), strict=True)
    return " ".join(" ".join([name] * count) for name, count in pairs)
