"""Where does a literal residual layer lie? In a safetensors file of its own beside the model.

literal_residual.safetensors    weight  [n_terms, hidden size]       a full layer
or up      [n_terms, rank]              a layer of low rank
down    [rank, hidden size]
bias    [n_terms]                    if it has one
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lsr.encoders.decoder.weighers import ResidualLayer
from lsr.encoders.safetensors_file import SafetensorsFile
from lsr.encoders.vocabulary_head import VocabularyHead
from lsr.errors import UnsupportedModelError

if TYPE_CHECKING:
    import torch

FILE = "literal_residual.safetensors"


def read_residual(folder: Path, vocabulary: VocabularyHead, hidden_size: int) -> ResidualLayer:
    """Read the layer that belongs to a model.

    Args:
        folder: of the model, or of its adapter.
        vocabulary: the model's head.
        hidden_size: of the model.

    Raises:
        UnsupportedModelError: there is none, or it does not fit the model.
    """
    file = folder / FILE
    if not file.is_file():
        raise UnsupportedModelError(
            f"The folder {str(folder)!r} holds no {FILE}, from which terms of the text get their "
            "bonus, and an untrained one would make it random; use a method that the model was "
            "trained for."
        )
    stored = SafetensorsFile(file)
    n_terms, device = vocabulary.n_terms, vocabulary.device
    bias = _read(stored, "bias", (n_terms,)).to(device) if "bias" in stored else None
    if "weight" in stored:
        return ResidualLayer(_read(stored, "weight", (n_terms, hidden_size)).to(device), bias)
    rank = stored.read("down").shape[0]
    up, down = _read(stored, "up", (n_terms, rank)), _read(stored, "down", (rank, hidden_size))
    return ResidualLayer(up.to(device), bias, down.to(device))


def _read(stored: SafetensorsFile, name: str, shape: tuple[int, ...]) -> torch.Tensor:
    import torch

    array = stored.read(name)
    if array.shape != shape or not np.isfinite(array).all():
        raise UnsupportedModelError(
            f"The tensor {name!r} in {FILE} must hold finite numbers in the shape {list(shape)}, "
            f"but its shape is {list(array.shape)}."
        )
    return torch.from_numpy(array.copy())
