"""How does a text that is longer than a network reads become one vector? Passage by passage.

A text is split into passages that the network reads whole, at the ends of words, and each term of
the text weighs the largest of its weights in the passages, or their sum. Without this a long text
is what its beginning is.

Paper: Z. Dai, J. Callan, "Deeper Text Understanding for IR with Contextual Neural Language
Modeling", 2019, section 3 (the maximum and the sum over passages, there of scores); T. Nguyen,
S. MacAvaney, A. Yates, "Adapting Learned Sparse Retrieval for Long Documents", 2023, section 3.1
(of representations).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from lsr.errors import ConfigError
from lsr.sparse import SparseBatch


class Aggregation(StrEnum):
    """What a term weighs in a text whose passages weight it."""

    MAX = "max"
    SUM = "sum"


@dataclass(frozen=True, slots=True)
class Passages:
    """How long texts are split and put together.

    Attributes:
        aggregation: of the weights of one term.
        stride: tokens from the start of one passage to the start of the next; None for as many as
            the network reads, so that passages do not overlap.

    Raises:
        ConfigError: `stride` is below 1.
    """

    aggregation: Aggregation = Aggregation.MAX
    stride: int | None = None

    @classmethod
    def of_settings(cls, settings: Mapping[str, Any] | None) -> Passages | None:
        """Return what `as_settings` has made settings of; None of None."""
        if settings is None:
            return None
        return cls(Aggregation(settings["aggregation"]), settings["stride"])

    def as_settings(self) -> dict[str, Any]:
        """Return JSON values."""
        return {"aggregation": self.aggregation.value, "stride": self.stride}

    def __post_init__(self) -> None:
        if self.stride is not None and self.stride < 1:
            raise ConfigError(f"The stride of passages is {self.stride}, but must be at least 1.")


def aggregate(batch: SparseBatch, counts: Sequence[int], aggregation: Aggregation) -> SparseBatch:
    """Return one vector per text from those of its passages.

    Args:
        batch: the vectors of all passages.
        counts: passages of each text; they add up to the batch's rows.
        aggregation: of the weights of one term.
    """
    if all(count == 1 for count in counts):
        return batch
    text_of_passage = np.repeat(np.arange(len(counts)), counts)
    texts = np.repeat(text_of_passage, batch.active_dims)
    keys = texts * np.int64(batch.n_terms) + batch.terms
    order = np.argsort(keys, kind="stable")
    keys, weights = keys[order], batch.weights[order]
    firsts = np.flatnonzero(np.diff(keys, prepend=-1))
    if aggregation is Aggregation.MAX:
        merged = np.maximum.reduceat(weights, firsts) if firsts.size else weights
    else:
        merged = np.add.reduceat(weights, firsts, dtype=np.float64) if firsts.size else weights
    bounds = np.arange(len(counts) + 1, dtype=np.int64) * batch.n_terms
    indptr = np.searchsorted(keys[firsts], bounds).astype(np.int64)
    terms = (keys[firsts] % batch.n_terms).astype(np.uint32)
    return SparseBatch(indptr, terms, merged.astype(np.float32), batch.n_terms)
