"""How does a checkpoint lie on disk? One file a layout; the first that knows a folder reads it.

Every refusal gives its reason: a checkpoint that means something else than the formula it would be
encoded with must never be encoded in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from lsr.encoders.layouts.adapted import read_adapted
from lsr.encoders.layouts.causal import read_causal
from lsr.encoders.layouts.masked_language import read_masked_language
from lsr.encoders.layouts.model_files import (
    TOKENIZER_FILES,
    check_tokenizer,
    check_weights,
    holds_tokenizer,
    read_config,
)
from lsr.encoders.layouts.own import read_own
from lsr.encoders.layouts.sentence_transformers import read_sentence_transformers
from lsr.encoders.layouts.towers import Checkpoint, TowerFiles
from lsr.encoders.layouts.unicoil import read_unicoil
from lsr.encoders.layouts.unified_framework import read_unified_framework

Layout = Callable[[Path], Checkpoint | None]
"""Reads the folder of a model: returns its towers, or None where the layout is another one.

Raises ModelNotFoundError or UnsupportedModelError where the layout is this one, and what lies in it
cannot be run."""

LAYOUTS: Sequence[Layout] = (
    read_own,
    read_sentence_transformers,
    read_unicoil,
    read_unified_framework,
    read_causal,
    read_masked_language,
)
"""In the order in which they are tried. The last takes every folder, or says what it lacks."""


def check_checkpoint(folder: Path) -> Checkpoint:
    """Check the files of a checkpoint and say what is where.

    Raises:
        ModelNotFoundError: the folder holds no model at all.
        UnsupportedModelError: it holds something that this version does not run.
    """
    if (adapted := read_adapted(folder, check_checkpoint)) is not None:
        return adapted
    found = (layout(folder) for layout in LAYOUTS)
    return next(checkpoint for checkpoint in found if checkpoint is not None)


__all__ = [
    "LAYOUTS",
    "TOKENIZER_FILES",
    "Checkpoint",
    "Layout",
    "TowerFiles",
    "check_checkpoint",
    "check_tokenizer",
    "check_weights",
    "holds_tokenizer",
    "read_config",
]
