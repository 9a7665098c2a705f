"""How does a float weight become an 8-bit impact, and a query weight an integer?

Documents: ``impact = clip(round(255 * weight / max_weight), 1, 255)``. `max_weight` is fixed when
an index is made, so a document has the same impacts in whichever segment it lands and scores of
all segments compare. A weight above zero never becomes zero; one above `max_weight` is clipped.

Queries are rounded by `lsr.kernels.query_weights.quantize_queries`, or one by its reference.

docs/adr/0003-one-linear-quantizer.md says why it is linear, and one for the whole index.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lsr.kernels.postings import MAX_IMPACT
from lsr.kernels.search_reference import quantize_queries_reference


@dataclass(frozen=True, slots=True)
class ImpactQuantizer:
    """The linear map between float weights and impacts.

    Attributes:
        max_weight: the weight that becomes 255.
    """

    max_weight: float

    @property
    def step(self) -> float:
        """Weight of one impact unit."""
        return self.max_weight / MAX_IMPACT

    def quantize(self, weights: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the impacts of weights above zero."""
        scaled = np.rint(weights.astype(np.float64) / self.step)
        return np.clip(scaled, 1, MAX_IMPACT).astype(np.uint8)

    def n_clipped(self, weights: NDArray[np.float32]) -> int:
        """Return how many weights lie above `max_weight`, beyond half a step."""
        return int(np.count_nonzero(weights > self.max_weight + self.step / 2))

    def distortion(self, weights: NDArray[np.float32]) -> float:
        """Return the share of the weights' sum that rounding and clipping move, 0 to 1 and more."""
        exact = weights.astype(np.float64)
        moved = np.abs(exact - self.quantize(weights) * self.step).sum()
        return float(moved / exact.sum()) if exact.size else 0.0

    @staticmethod
    def for_weights(weights: NDArray[np.float32]) -> ImpactQuantizer:
        """Fit the map to given weights: exact when all are integers up to 255."""
        if weights.size == 0:
            return ImpactQuantizer(1.0)
        largest = float(weights.max())
        if largest <= MAX_IMPACT and not np.mod(weights, 1).any():
            return ImpactQuantizer(float(MAX_IMPACT))
        return ImpactQuantizer(largest)


@dataclass(frozen=True, slots=True)
class QuantizedQuery:
    """A query in integers.

    Attributes:
        terms: shape (n,), distinct term ids, rising.
        weights: shape (n,), 1 to 65,535.
        step: query weight of one unit.
    """

    terms: NDArray[np.uint32]
    weights: NDArray[np.uint32]
    step: float


def quantize_query(terms: NDArray[np.uint32], weights: NDArray[np.float32]) -> QuantizedQuery:
    """Round query weights to integers such that every score fits 32 bits."""
    integers, steps = quantize_queries_reference(np.array([0, terms.size]), weights)
    return QuantizedQuery(terms, integers, float(steps[0]))
