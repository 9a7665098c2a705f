"""Who trains what is left of a model? Whoever is given: `lsr.training` stands above this."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lsr.compression.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Remains:
    """What is left of a model, and is to learn.

    Attributes:
        recipe: with a training; it names the whole model, which is learned from.
        folder: of a whole model, without what was removed at once.
        matrices: {name of a tensor of its layers: share of it that is, or becomes, zero}.
        terms: ids of the terms that were not dropped, rising.
        has_literal: whether texts that hold them have the other terms too.
    """

    recipe: Recipe
    folder: Path
    matrices: Mapping[str, float]
    terms: NDArray[np.int64]
    has_literal: bool


class Learns(Protocol):
    """Trains what is left by a recipe that has a training; `lsr.training.remains` does."""

    def __call__(
        self, remains: Remains, work: Path, weights: Path, on_step: Callable[[str], None]
    ) -> None:
        """Train, and write the weights; zeros stay zero.

        Args:
            remains: what is left of the model.
            work: folder from which an interrupted training goes on.
            weights: file to write, as transformers does.
            on_step: hears what is done.
        """
