"""What does a causal language model, as transformers saves it, mean? Nothing, without a method.

Its logits propose the next token. How they weigh the terms of a text is a recipe (where attention
looks, what is read around a text, which tokens count), and the files hold none: the user names one.
"""

from __future__ import annotations

from pathlib import Path

from lsr.encoders.decoder.weighting import DecoderWeighting
from lsr.encoders.layouts.model_files import (
    architectures,
    check_tokenizer,
    check_weights,
    read_config,
)
from lsr.encoders.layouts.towers import Checkpoint, TowerFiles
from lsr.encoders.method import Side

CAUSAL = "ForCausalLM"


def read_causal(folder: Path) -> Checkpoint | None:
    """Read a folder that holds a causal language model; see `Layout`."""
    if not (folder / "config.json").is_file():
        return None
    config = read_config(folder)
    if not any(name.endswith(CAUSAL) for name in architectures(config)):
        return None
    check_weights(folder)
    check_tokenizer(folder)
    return Checkpoint.of_one(TowerFiles(folder, config, Side(DecoderWeighting()), has_method=False))
