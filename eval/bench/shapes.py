"""How fast are models whose weights are not here? Models of their shapes, with random weights.

The time of a matrix product does not depend on what is multiplied, but that of the vocabulary head
depends on how many terms are active. So the head's bias is set to leave about as many as trained
models do. Weights come from a seed. A model is made once and kept in the temporary folder.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import xxhash

from lsr.encoders.layouts import TOKENIZER_FILES
from lsr.encoders.locating import locate_model
from lsr.encoders.torch_model import quiet_transformers, require_torch


@dataclass(frozen=True, slots=True)
class Shape:
    """Size of a BERT.

    Attributes:
        n_layers: transformer layers.
        hidden_size: numbers per token.
        n_heads: attention heads.
    """

    n_layers: int
    hidden_size: int
    n_heads: int


SHAPES = {
    "random-bert-small": Shape(4, 512, 8),
    "random-minilm-l6": Shape(6, 384, 12),
    "random-bert-base": Shape(12, 768, 12),
}
TOKENIZER_OF = "splade-tiny"
"""Its tokenizer is that of the BERT models whose shapes these are."""

SEED = 4
ACTIVE_TERMS = 200
SAMPLE = (8, 80)
"""Texts and tokens, of random terms, by which the bias is set."""


def shaped_model(shape: Shape, folder: Path | None = None) -> Path:
    """Return the folder of a model with random weights; it is made on first use.

    Args:
        shape: its size.
        folder: where models are kept; by default one in the system's temporary folder.

    Raises:
        ModelNotFoundError: the model that gives the tokenizer is not installed.
        MissingDependencyError: torch is not installed, which makes the weights.
    """
    source = locate_model(TOKENIZER_OF)
    tokenizer = xxhash.xxh3_64_hexdigest((source / "tokenizer.json").read_bytes())
    key = "-".join(map(str, (*astuple(shape), SEED, ACTIVE_TERMS, tokenizer)))
    folder = folder or Path(tempfile.gettempdir()) / f"lsr-bench-{os.getuid()}"
    model = folder / key
    if not (model / "config.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as unfinished:
            _make(shape, source, Path(unfinished) / key)
            (Path(unfinished) / key).replace(model)
    return model


def _make(shape: Shape, source: Path, folder: Path) -> None:
    require_torch()
    import torch
    from transformers import BertConfig, BertForMaskedLM

    config = BertConfig(
        num_hidden_layers=shape.n_layers,
        hidden_size=shape.hidden_size,
        num_attention_heads=shape.n_heads,
        intermediate_size=4 * shape.hidden_size,
    )
    with torch.random.fork_rng(devices=[]), quiet_transformers():
        torch.manual_seed(SEED)
        model = BertForMaskedLM(config).eval()
        _set_bias(model, torch.randint(1000, config.vocab_size, SAMPLE))
        model.save_pretrained(folder)
    for name in (*TOKENIZER_FILES, "tokenizer_config.json"):
        if (source / name).is_file():
            shutil.copy(source / name, folder)


def _set_bias(model: Any, ids: Any) -> None:
    """Lower all logits until a text has `ACTIVE_TERMS` above zero, on average."""
    import torch

    with torch.inference_mode():
        largest = model(input_ids=ids).logits.amax(dim=1)
    active = largest.flatten().topk(ids.shape[0] * ACTIVE_TERMS).values
    torch.nn.init.constant_(model.get_output_embeddings().bias, -float(active[-1]))
