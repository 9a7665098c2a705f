"""How is a large network trained with few numbers? By low-rank changes to its linear layers (LoRA).

The changes are peft's. The network's own weights and its head stay as they are while it is trained,
and take the changes in when it is saved: a trained model is a model like any other.
"""

from __future__ import annotations

import warnings
from typing import Any

from lsr.errors import MissingDependencyError, UnsupportedModelError
from lsr.training.recipe import LoraPart


def adapted(body: Any, part: LoraPart) -> Any:
    """Return a network whose linear layers have low-rank changes, which alone are trained.

    Args:
        body: a transformers model; changed in place.
        part: of the recipe.

    Raises:
        MissingDependencyError: peft is not installed.
        UnsupportedModelError: the network has no linear layer.
    """
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError:
        raise MissingDependencyError("Training by LoRA", "train") from None
    settings = LoraConfig(
        r=part.rank, lora_alpha=part.alpha, lora_dropout=part.dropout, target_modules="all-linear"
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what peft calls by an old name
            return get_peft_model(body, settings)
    except ValueError as error:
        raise UnsupportedModelError(
            f"The model has no linear layers that LoRA could change ({error}); leave model.lora "
            "out."
        ) from error


def merged(body: Any) -> Any:
    """Return a network with its low-rank changes in its weights; others as they are."""
    return body.merge_and_unload() if hasattr(body, "merge_and_unload") else body
