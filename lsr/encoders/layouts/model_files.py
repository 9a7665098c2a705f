"""Are the files of a network here, and safe to open? Judged before any weight is read.

A file that can run code (pickle, a repository's own modules) is never opened.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lsr.encoders.json_file import read_json
from lsr.errors import ModelNotFoundError, UnsupportedModelError

PICKLE_SUFFIXES = {".bin", ".ckpt", ".pkl", ".pt", ".pth"}
TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json")


MASKED_LANGUAGE = "ForMaskedLM"
NOT_SPARSE = {
    "ForSequenceClassification": "; a classifier or reranker scores texts, not terms",
    "Model": "; this one was saved without its head over the vocabulary",
}
"""What other architectures lack, by how their names end."""


MODEL_CONVERSION = "AutoModelForMaskedLM.from_pretrained(folder).save_pretrained(folder)"
PLAIN_CONVERSION = (
    "safetensors.torch.save_file({name: tensor.clone() for name, tensor in "
    "torch.load(file, weights_only=True).items()}, 'model.safetensors')"
)
"""Of models whose tensors have other names than transformers gives them."""


def architectures(config: dict[str, Any]) -> list[str]:
    """Return the classes that a config names, the usual one first."""
    names = config.get("architectures")
    return [str(name) for name in names] if isinstance(names, list) else []


def read_config(folder: Path) -> dict[str, Any]:
    """Return what the config.json of a network says.

    Raises:
        ModelNotFoundError: there is none.
        UnsupportedModelError: it cannot be read.
    """
    file = folder / "config.json"
    if not file.is_file():
        raise ModelNotFoundError(f"The folder {str(folder)!r} holds no config.json, so no model.")
    config: dict[str, Any] = read_json(file, dict)
    return config


def masked_language_config(folder: Path) -> dict[str, Any]:
    """Return the config of a masked-language model whose weights can be loaded safely.

    Raises:
        ModelNotFoundError: there is no model.
        UnsupportedModelError: there is another one, or none that can be loaded safely.
    """
    config = read_config(folder)
    names = architectures(config)
    if not any(name.endswith(MASKED_LANGUAGE) for name in names):
        reasons = [reason for end, reason in NOT_SPARSE.items() if names and names[0].endswith(end)]
        raise UnsupportedModelError(
            f"{folder / 'config.json'} names the architecture {', '.join(names) or 'none'}, but "
            f"SPLADE reads its weights from a masked-language model (...{MASKED_LANGUAGE})"
            f"{reasons[0] if reasons else ''}."
        )
    check_weights(folder)
    return config


def check_weights(folder: Path, conversion: str = MODEL_CONVERSION) -> None:
    """Check that a folder holds weights that can be loaded without running code.

    Args:
        folder: of the model.
        conversion: what makes such weights of others.

    Raises:
        ModelNotFoundError: there are none.
        UnsupportedModelError: there are only such as can run code.
    """
    if not any(folder.glob("*.safetensors")):
        refuse_pickles(folder, conversion)
        raise ModelNotFoundError(f"The folder {str(folder)!r} holds no *.safetensors weights.")


def refuse_pickles(folder: Path, conversion: str = MODEL_CONVERSION) -> None:
    """Refuse a folder without safe weights, if it has others.

    Args:
        folder: of the model.
        conversion: what makes safe weights of them.

    Raises:
        UnsupportedModelError: it has.
    """
    pickles = sorted(file.name for file in folder.glob("*") if file.suffix in PICKLE_SUFFIXES)
    if pickles:
        raise UnsupportedModelError(
            f"The folder {str(folder)!r} holds no *.safetensors weights; {', '.join(pickles)} can "
            f"hold code and is never loaded. Convert it where you trust it: {conversion}."
        )


def holds_tokenizer(folder: Path) -> bool:
    """Say whether the files of a tokenizer are in a folder."""
    return any((folder / name).is_file() for name in TOKENIZER_FILES)


def check_tokenizer(folder: Path) -> None:
    """Check that the files of a tokenizer are in a folder.

    Raises:
        UnsupportedModelError: they are not.
    """
    if not holds_tokenizer(folder):
        raise UnsupportedModelError(
            f"The folder {str(folder)!r} holds no tokenizer ({', '.join(TOKENIZER_FILES)}); save "
            "the model's tokenizer beside its weights."
        )
