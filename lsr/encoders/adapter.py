"""How does a low-rank adapter (LoRA) change a model? Merged into its weights when it is loaded.

Adapters that were trained over a quantized base (QLoRA) are merged into the base in full precision.
What peft has come up with (ranks by layer, scaling by the root of the rank, magnitudes) is peft's
to know; only kinds that end up in the weights are taken.

Paper: E. J. Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2022.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from lsr.encoders.torch_model import first_line
from lsr.errors import MissingDependencyError, UnsupportedModelError


def merge_adapter(model: Any, folder: Path) -> Any:
    """Return a model with an adapter in its weights.

    Args:
        model: a transformers model with its head; changed in place.
        folder: a checked one, of the adapter.

    Raises:
        MissingDependencyError: peft is not installed.
        UnsupportedModelError: the adapter does not fit the model.
    """
    try:
        from peft import PeftModel
    except ImportError:
        raise MissingDependencyError(f"The adapter in {str(folder)!r}", "encode") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what peft calls by an old name
            # What the file lacks would be left at random.
            warnings.filterwarnings("error", message=".*missing adapter keys")
            adapted = PeftModel.from_pretrained(model, str(folder), local_files_only=True)
            return adapted.merge_and_unload(safe_merge=True).eval()
    except Exception as error:  # peft raises nearly anything for a bad file
        raise UnsupportedModelError(
            f"The adapter in {str(folder)!r} cannot be merged into its base model "
            f"({first_line(error)})."
        ) from error
