"""What do the checkpoints of the unified framework mean? Their config.json names the encoder.

The training code of github.com/thongnt99/learned-sparse-retrieval saves towers of its own model
types ("MLM", "MLP", "CLS_MLM", "BINARY"): a folder with one, or with one at the top for documents
and one in a folder for queries, or with each in a folder. Their configurations say what becomes of
the output of a base model, which they only name: it gives the architecture and the tokenizer.

Paper: T. Nguyen, S. MacAvaney, A. Yates, "A Unified Framework for Learned Sparse Retrieval", 2023.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from lsr.encoders.layouts.model_files import (
    PLAIN_CONVERSION,
    check_tokenizer,
    check_weights,
    holds_tokenizer,
    read_config,
)
from lsr.encoders.layouts.towers import Checkpoint, TowerFiles
from lsr.encoders.linear_head import LinearHead
from lsr.encoders.locating import locate_model
from lsr.encoders.method import (
    Activation,
    Head,
    NetworkWeighting,
    PooledTokens,
    Pooling,
    PresenceWeighting,
    Repeats,
    Side,
    TokenWeighting,
    VocabularyWeighting,
)
from lsr.encoders.safetensors_file import ModelWeights
from lsr.errors import ModelNotFoundError, UnsupportedModelError

PAIR = "DualEncoder"
FOLDERS = {"shared": "shared_encoder", "queries": "query_encoder", "documents": "doc_encoder"}


class Kind(StrEnum):
    """What the framework calls its encoders; SPLADE is what a later version calls MLM."""

    MLM = "MLM"
    SPLADE = "SPLADE"
    CLS_MLM = "CLS_MLM"
    MLP = "MLP"
    BINARY = "BINARY"


ACTIVATIONS = {
    "relu": Activation.RELU,
    "softplus": Activation.SOFTPLUS,
    "identity": Activation.IDENTITY,
    "no": Activation.IDENTITY,
}
POOLINGS = {"max": Pooling.MAX, "sum": Pooling.SUM, "abs": Pooling.MAGNITUDE}
SATURATIONS = {"log1p": 1, "identity": 0, "no": 0}
MULTIPLIERS = {"epic": True, "no": False, "allone": False}

# The layers that the framework has beside those of transformers.
LAYERS = {
    Head.TOKEN: "linear",
    Head.IMPORTANCE: "term_importance.linear",
    Head.QUALITY: "doc_quality.linear",
}
BASE_KEYS = ("tf_base_model_name_or_dir", "transformer_backbone")
HEAVIEST = "top_k:1000"
"""Of what softplus gives every term: as the method epic does in methods.toml."""

TENSOR_PREFIX = "model."

Value = TypeVar("Value")

# Names of the hub from before it had organizations.
OLD_NAMES = {
    "bert-base-uncased": "google-bert/bert-base-uncased",
    "distilbert-base-uncased": "distilbert/distilbert-base-uncased",
}


def read_unified_framework(folder: Path) -> Checkpoint | None:
    """Read a folder that holds one tower or two of the framework; see `Layout`."""
    if not (folder / "config.json").is_file():
        return None
    config = read_config(folder)
    kind = config.get("model_type")
    names_base = any(key in config for key in BASE_KEYS)
    if kind not in {PAIR, Kind.BINARY} and not (kind in list(Kind) and names_base):
        return None
    shared = folder / FOLDERS["shared"] if (folder / FOLDERS["shared"]).is_dir() else folder
    documents, queries = (
        folder / FOLDERS[side] if (folder / FOLDERS[side]).is_dir() else shared
        for side in ("documents", "queries")
    )
    return Checkpoint(
        documents=_tower(documents, queries, Repeats.MAX, folder),
        queries=_tower(queries, documents, Repeats.SUM, folder),
    )


def _tower(folder: Path, other: Path, repeats: Repeats, top: Path) -> TowerFiles:
    """Read one tower, whose repeated terms its side merges in a way of its own.

    Args:
        folder: of the tower.
        other: folder of the other tower.
        repeats: of terms, on this side.
        top: folder of both.
    """
    file, config = folder / "config.json", read_config(folder)
    if config.get("model_type") not in list(Kind):
        raise UnsupportedModelError(
            f"{file} is of type {config.get('model_type')!r}, not one of {', '.join(Kind)}."
        )
    kind = Kind(config["model_type"])
    check_weights(folder, PLAIN_CONVERSION)
    if kind is Kind.BINARY:
        scale = float(ModelWeights(folder).read(["scale"], ()))
        if not scale > 0:
            raise UnsupportedModelError(f"The model in {str(folder)!r} scales terms by {scale:g}.")
        tokenizer = _tokenizer(folder, top, _base(other) or top)
        size = {"vocab_size": config["vocab_size"]} if "vocab_size" in config else {}
        side = Side(PresenceWeighting(scale))
        return TowerFiles(folder, size, side, tokenizer_folder=tokenizer)
    base = _base(folder)
    if base is None:
        raise UnsupportedModelError(f"{file} does not name its base model ({BASE_KEYS[0]}).")
    weighting = _weighting(file, kind, config, repeats)
    names = {name for weights in ModelWeights(folder).files for name in weights.names}
    return TowerFiles(
        folder,
        read_config(base),
        Side(weighting, prune=HEAVIEST if weighting.is_dense else None),
        tokenizer_folder=_tokenizer(folder, top, base),
        heads={
            head: LinearHead(folder, layer)
            for head, layer in LAYERS.items()
            if f"{layer}.weight" in names
        },
        tensor_prefix=TENSOR_PREFIX,
    )


def _weighting(
    file: Path, kind: Kind, config: dict[str, Any], repeats: Repeats
) -> NetworkWeighting:
    activation = _one_of(ACTIVATIONS, file, config, "activation", "relu")
    saturation = _one_of(SATURATIONS, file, config, "norm", "log1p")
    if kind is Kind.MLP:
        return TokenWeighting(repeats, activation=activation, saturation=saturation)
    if kind is Kind.CLS_MLM:
        return VocabularyWeighting(
            activation=activation, saturation=saturation, tokens=PooledTokens.FIRST
        )
    return VocabularyWeighting(
        activation=activation,
        pooling=_one_of(POOLINGS, file, config, "pool", "max"),
        saturation=saturation,
        tokens=PooledTokens.TEXT,
        importance=_one_of(MULTIPLIERS, file, config, "term_importance", "no"),
        quality=_one_of(MULTIPLIERS, file, config, "doc_quality", "no"),
    )


def _one_of(
    known: dict[str, Value], file: Path, config: dict[str, Any], key: str, default: str
) -> Value:
    name = config.get(key, default)
    if name not in known:
        raise UnsupportedModelError(
            f"{file} sets {key} to {name!r}, not one of {', '.join(known)}."
        )
    return known[name]


def _base(folder: Path) -> Path | None:
    """Return the folder of the base model, of which no weight is read, if one is named."""
    config = read_config(folder)
    named = [str(config[key]) for key in BASE_KEYS if key in config]
    if not named:
        return None
    name = named[0]
    try:
        return locate_model(OLD_NAMES.get(name, name), with_weights=False)
    except ModelNotFoundError as error:
        raise ModelNotFoundError(
            f"The model in {str(folder)!r} has the architecture and tokenizer of {name!r}, which "
            f"is not there: {error}"
        ) from error


def _tokenizer(folder: Path, top: Path, otherwise: Path) -> Path:
    for place in (folder, folder / "tokenizer", top, top / "tokenizer"):
        if holds_tokenizer(place):
            return place
    check_tokenizer(otherwise)
    return otherwise
