"""Which model lies between several that were trained from the same masks? Their mean.

Weights that are zero in all of them are zero in the mean, so that the masks stay what they are.

Paper: M. Zimmer, C. Spiegel, S. Pokutta, "Sparse Model Soups", ICLR 2024 (uniform soup).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def write_mean(models: Sequence[Path], file: Path) -> None:
    """Write the mean of the weights of some models.

    Args:
        models: files of weights, of equal names and shapes.
        file: to write.
    """
    from safetensors.numpy import load_file, save_file

    mean = load_file(models[0])
    for number, model in enumerate(models[1:], start=2):
        for name, array in load_file(model).items():
            mean[name] += (array - mean[name]) / number
    save_file(mean, file, metadata={"format": "pt"})
