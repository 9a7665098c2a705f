"""Is this folder a SPLADE checkpoint that can be run safely? Judged by its files, before torch.

Every refusal gives its reason: a checkpoint that means something else than
``log1p(relu(max(logits)))`` must never be encoded with that formula in silence, and a file that can
run code (pickle, a repository's own modules) is never opened.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lsr.errors import ModelNotFoundError, UnsupportedModelError

PICKLE_SUFFIXES = {".bin", ".ckpt", ".pkl", ".pt", ".pth"}
TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json")
QUERY_TABLES = ("idf.json", "query_token_weights.txt")


def check_checkpoint(folder: Path) -> dict[str, Any]:
    """Check the files of a checkpoint and return its config.

    Raises:
        ModelNotFoundError: the folder holds no model at all.
        UnsupportedModelError: it holds something that this version does not run.
    """
    config_file = folder / "config.json"
    if not config_file.is_file():
        raise ModelNotFoundError(f"The folder {str(folder)!r} holds no config.json, so no model.")
    config = _read_json(config_file, dict)
    _check_modules(folder)
    _check_prompts(folder)
    _check_architecture(config_file, config)
    _check_parts(folder)
    _check_weights(folder)
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        raise UnsupportedModelError(
            f"The folder {str(folder)!r} holds no tokenizer ({', '.join(TOKENIZER_FILES)}); save "
            "the model's tokenizer beside its weights."
        )
    return config


def _check_modules(folder: Path) -> None:
    """Check the sentence-transformers layout, which says how token logits become a vector."""
    modules_file = folder / "modules.json"
    if not modules_file.is_file():
        return  # a plain masked-language model, which SPLADE checkpoints usually are
    modules = _read_json(modules_file, list)
    entries = [entry if isinstance(entry, dict) else {} for entry in modules]
    # The classes have moved between packages over the years, but kept their names.
    kinds = [str(entry.get("type", "?")).rpartition(".")[2] for entry in entries]
    if (
        len(kinds) != 2
        or kinds[0] not in {"Transformer", "MLMTransformer"}
        or kinds[1] != "SpladePooling"
        or entries[0].get("path", "")
    ):
        raise UnsupportedModelError(
            f"{modules_file} describes {' + '.join(kinds) or 'nothing'}, but this version runs "
            "only a transformer at the top of the folder followed by SpladePooling."
        )
    pooling_file = folder / str(entries[1].get("path", "")) / "config.json"
    if not pooling_file.is_file():
        raise UnsupportedModelError(
            f"{modules_file} names {str(pooling_file)!r}, which does not exist."
        )
    pooling = _read_json(pooling_file, dict)
    for key, only in (("pooling_strategy", "max"), ("activation_function", "relu")):
        if pooling.get(key, only) != only:
            raise UnsupportedModelError(
                f"{pooling_file} sets {key} to {pooling[key]!r}, but this version runs only "
                f"{only!r}."
            )


def _check_prompts(folder: Path) -> None:
    file = folder / "config_sentence_transformers.json"
    prompts = _read_json(file, dict).get("prompts") if file.is_file() else None
    used = {name: text for name, text in (prompts or {}).items() if text}
    if used:
        raise UnsupportedModelError(
            f"{file} puts prompts before texts ({used}), which this version does not."
        )


def _check_architecture(config_file: Path, config: dict[str, Any]) -> None:
    names = config.get("architectures") or []
    if not isinstance(names, list) or not any(str(name).endswith("ForMaskedLM") for name in names):
        named = ", ".join(map(str, names)) if isinstance(names, list) and names else "none"
        raise UnsupportedModelError(
            f"{config_file} names the architecture {named}, but SPLADE reads its weights from a "
            "masked-language model (...ForMaskedLM)."
        )


def _check_parts(folder: Path) -> None:
    if (folder / "adapter_config.json").is_file():
        raise UnsupportedModelError(
            f"The folder {str(folder)!r} holds an adapter; merge it into its base model first."
        )
    tables = [name for name in QUERY_TABLES if (folder / name).is_file()]
    if tables:
        raise UnsupportedModelError(
            f"The folder {str(folder)!r} holds {tables[0]}, so its queries are weighted by a table "
            "and not by the model, which this version does not do."
        )


def _check_weights(folder: Path) -> None:
    if any(folder.glob("*.safetensors")):
        return
    pickles = sorted(file.name for file in folder.iterdir() if file.suffix in PICKLE_SUFFIXES)
    if not pickles:
        raise ModelNotFoundError(f"The folder {str(folder)!r} holds no *.safetensors weights.")
    raise UnsupportedModelError(
        f"The folder {str(folder)!r} holds no *.safetensors weights; {', '.join(pickles)} can hold "
        "code and is never loaded. Convert it where you trust it: "
        "AutoModelForMaskedLM.from_pretrained(folder).save_pretrained(folder)."
    )


def _read_json(file: Path, kind: type) -> Any:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise UnsupportedModelError(f"{file} is not readable JSON ({error}).") from error
    if not isinstance(value, kind):
        expected = "an object" if kind is dict else "a list"
        raise UnsupportedModelError(f"{file} must hold {expected}.")
    return value
