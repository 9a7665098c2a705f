"""What does a checkpoint of uniCOIL mean? A weight for every token, from a layer beside a BERT.

The tensors of castorini/unicoil-* are named as in the module of its authors. [CLS] and [SEP] are no
terms, as in its training; Pyserini lets [SEP] through, which no training gave a meaning.

Paper: J. Lin, X. Ma, "A Few Brief Notes on DeepImpact, COIL, and a Conceptual Framework for
Information Retrieval Techniques", 2021.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lsr.encoders.layouts.model_files import (
    PLAIN_CONVERSION,
    architectures,
    check_tokenizer,
    check_weights,
    read_config,
)
from lsr.encoders.layouts.towers import Checkpoint, TowerFiles
from lsr.encoders.linear_head import LinearHead
from lsr.encoders.method import Head, Repeats, Side, TokenWeighting
from lsr.encoders.safetensors_file import ModelWeights
from lsr.errors import UnsupportedModelError

ARCHITECTURE = "UniCoilEncoder"
HEAD = "tok_proj"
FIRST_TENSOR = "embeddings.word_embeddings.weight"


def read_unicoil(folder: Path) -> Checkpoint | None:
    """Read a folder that holds a uniCOIL model; see `Layout`."""
    if not (folder / "config.json").is_file():
        return None
    config = read_config(folder)
    if ARCHITECTURE not in architectures(config):
        return None
    check_weights(folder, PLAIN_CONVERSION)
    check_tokenizer(folder)
    names = [name for file in ModelWeights(folder).files for name in file.names]
    tower = TowerFiles(
        folder,
        {"model_type": "bert", **config},
        heads={Head.TOKEN: LinearHead(folder, _before(f"{HEAD}.weight", names, folder) + HEAD)},
        tensor_prefix=_before(FIRST_TENSOR, names, folder),
    )
    return Checkpoint(
        documents=replace(tower, side=Side(TokenWeighting(Repeats.MAX, saturation=0))),
        queries=replace(tower, side=Side(TokenWeighting(Repeats.SUM, saturation=0))),
    )


def _before(end: str, names: list[str], folder: Path) -> str:
    """Return what stands before the end of the one name that ends so."""
    found = [name.removesuffix(end) for name in names if f".{name}".endswith(f".{end}")]
    if len(found) != 1:
        raise UnsupportedModelError(
            f"The weights in {str(folder)!r} hold {len(found)} tensors named ...{end}, but a "
            "uniCOIL model has one."
        )
    return found[0]
