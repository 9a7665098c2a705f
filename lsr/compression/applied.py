"""What became of a recipe? Told again, where the model is there already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xxhash

from lsr.compression.recipe import Recipe
from lsr.compression.texts import digest_of
from lsr.encoders.compressed import FILE
from lsr.encoders.json_file import read_json
from lsr.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a recipe.

    Attributes:
        folder: of the compressed model.
        was_there: whether it had been made before, and nothing was done.
        blocks: {name of a pruned matrix: share of it in 4x1 blocks that are not zero}.
        n_dropped_terms: terms of the vocabulary that no text can activate, or none that does not
            hold them.
        structure: what went whole: numbers of "layers" of the model as it was, of "heads" of each
            layer that is left, and how many "neurons" of each; empty where nothing did.
    """

    folder: Path
    was_there: bool
    blocks: dict[str, float]
    n_dropped_terms: int
    structure: dict[str, Any]


def key_of(recipe: Recipe, weights: str, texts: Sequence[str]) -> str:
    """Return what tells a compression from others.

    Args:
        recipe: that is followed.
        weights: digest of the model's.
        texts: that it is calibrated by.
    """
    said = (recipe.digest, weights, digest_of(texts))
    return xxhash.xxh3_128_hexdigest(" ".join(said).encode())


def made_before(output: Path, key: str) -> Applied | None:
    """Return what is there already, if anything is.

    Raises:
        InvalidInputError: that was made by another recipe, model or text.
    """
    file = output / FILE
    if not file.is_file():
        return None
    said = read_json(file, dict)
    if said.get("key") != key:
        raise InvalidInputError(
            f"{output} holds a model by another recipe, model or text; choose another folder."
        )
    n_dropped = said["n_dropped_terms"] + len(said["literal_terms"])
    return Applied(output, True, said["blocks"], n_dropped, said["structure"])
