"""What does a writer store for a weight? An impact, once the weights' scale is known; or itself.

The scale is given, or fitted to the first documents, which wait as weights until then.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.errors import InvalidInputError
from lsr.index.quantization import ImpactQuantizer

logger = logging.getLogger(__name__)

MAX_DISTORTION = 0.05
"""Share of a range's weight that 8 bits may move. SPLADE weights lose 0.6 %; more than 5 % means
that the quantizer was fitted to weights of another scale."""


CHUNK_WEIGHTS = 1 << 18
"""Weights quantized at once: what is computed on the way fits the cache."""


class WeightType(StrEnum):
    """What an index stores of a document weight: an impact of 8 bits, or the weight itself."""

    UINT8 = "uint8"
    FLOAT32 = "float32"


class ImpactCoder:
    """Turns weights into what postings hold, and watches what that costs.

    Args:
        weight_type: what postings hold.
        max_weight: the quantizer's range; None to fit it.
    """

    def __init__(self, weight_type: WeightType, max_weight: float | None) -> None:
        self._is_quantized = weight_type is WeightType.UINT8
        self._quantizer: ImpactQuantizer | None = None
        if self._is_quantized and max_weight is not None:
            self._quantizer = ImpactQuantizer(max_weight)
        self._cost = _Cost()

    @property
    def max_weight(self) -> float | None:
        """The quantizer's range; None while there is none."""
        return self._quantizer.max_weight if self._quantizer else None

    @property
    def is_ready(self) -> bool:
        """Whether weights can be coded."""
        return self._quantizer is not None or not self._is_quantized

    @property
    def impact_type(self) -> type[np.generic]:
        """Type of what postings hold."""
        return np.uint8 if self._is_quantized else np.float32

    def fit(self, weights: NDArray[np.float32]) -> None:
        """Fit the quantizer, unless there is one or nothing to fit it to."""
        if not self.is_ready and weights.size:
            self._quantizer = ImpactQuantizer.for_weights(weights)

    def code(self, weights: NDArray[np.float32]) -> NDArray[Any]:
        """Return what postings hold for these weights."""
        if not self._is_quantized:
            return weights
        quantizer = self._quantizer or ImpactQuantizer.for_weights(weights)
        impacts = np.empty(weights.size, dtype=np.uint8)
        for begin in range(0, weights.size, CHUNK_WEIGHTS):
            chunk = slice(begin, begin + CHUNK_WEIGHTS)
            impacts[chunk] = quantizer.quantize(weights[chunk])
            self._cost.add(weights[chunk], impacts[chunk], quantizer)
        return impacts

    def checked(self) -> int:
        """Look at what was coded since the last call, and return how many weights were clipped.

        Raises:
            InvalidInputError: the weights are of another scale than the quantizer was made for.
        """
        cost, self._cost = self._cost, _Cost()
        quantizer = self._quantizer
        if quantizer and cost.moved > MAX_DISTORTION * cost.sum:
            raise InvalidInputError(
                f"8-bit impacts for weights up to {quantizer.max_weight:g} would change these "
                f"weights by {cost.moved / cost.sum:.0%}: their mean is "
                f"{cost.sum / cost.n_weights:.3g}, the largest {cost.largest:.3g}. Build the index "
                "with a --max-weight that suits all its documents."
            )
        if quantizer and cost.n_clipped:
            logger.warning(
                "%d of %d weights exceed %g and were clipped to it.",
                cost.n_clipped,
                cost.n_weights,
                quantizer.max_weight,
            )
        return cost.n_clipped


@dataclass(slots=True)
class _Cost:
    """What quantizing a range has done to its weights."""

    n_weights: int = 0
    n_clipped: int = 0
    sum: float = 0.0
    moved: float = 0.0
    largest: float = 0.0

    def add(
        self, weights: NDArray[np.float32], impacts: NDArray[np.uint8], quantizer: ImpactQuantizer
    ) -> None:
        difference = impacts * np.float64(quantizer.step)
        difference -= weights
        self.n_weights += weights.size
        self.n_clipped += quantizer.n_clipped(weights)
        self.sum += float(weights.sum(dtype=np.float64))
        self.moved += float(np.abs(difference, out=difference).sum())
        self.largest = max(self.largest, float(weights.max()))
