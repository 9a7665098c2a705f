"""Where does a checkpoint hold the heads that models of transformers do not have?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.safetensors_file import ModelWeights


@dataclass(frozen=True, slots=True)
class LinearHead:
    """A linear layer from a hidden state to one number, in a safetensors file.

    Attributes:
        place: the file, or the folder of the model whose files it is in.
        layer: its tensors are ``layer.weight``, of shape (1, hidden size), and ``layer.bias``, of
            shape (1,).
    """

    place: Path
    layer: str

    def read(self, hidden_size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return weight and bias.

        Args:
            hidden_size: of the model.

        Raises:
            UnsupportedModelError: they are not there, or of another shape, or not finite.
        """
        weights = ModelWeights(self.place)
        return (
            weights.read([f"{self.layer}.weight"], (1, hidden_size)),
            weights.read([f"{self.layer}.bias"], (1,)),
        )
