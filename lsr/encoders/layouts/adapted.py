"""What does the folder of a low-rank adapter mean? The model that it was trained over, changed.

The folder is as peft saves it. Only what can be merged into the weights is taken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from lsr.encoders.json_file import read_json
from lsr.encoders.layouts.model_files import check_weights, holds_tokenizer
from lsr.encoders.layouts.towers import Checkpoint, TowerFiles
from lsr.encoders.locating import locate_model
from lsr.errors import ModelNotFoundError, UnsupportedModelError

ADAPTER_FILE = "adapter_config.json"
BASE = "base_model_name_or_path"


def read_adapted(folder: Path, read_base: Callable[[Path], Checkpoint]) -> Checkpoint | None:
    """Read a folder that holds an adapter.

    Args:
        folder: of the adapter.
        read_base: reads the folder of the model that it was trained over.

    Raises:
        ModelNotFoundError: there is no such base model.
        UnsupportedModelError: it is no adapter that can be merged, or one without safe weights.
    """
    file = folder / ADAPTER_FILE
    if not file.is_file():
        return None
    if (folder / "config.json").is_file():
        raise UnsupportedModelError(
            f"The folder {str(folder)!r} holds both a model (config.json) and an adapter "
            f"({ADAPTER_FILE}); remove what is not meant."
        )
    said = read_json(file, dict)
    if said.get("peft_type") != "LORA":
        raise UnsupportedModelError(
            f"{file} describes an adapter of type {said.get('peft_type')!r}, but only LORA can be "
            "merged into a model."
        )
    check_weights(folder)
    base = read_base(_base_folder(file, said.get(BASE)))
    return Checkpoint(_adapted(base.documents, folder), _adapted(base.queries, folder))


def _base_folder(file: Path, name: object) -> Path:
    """Return the folder of the base model, which may also lie beside or in that of the adapter."""
    if not isinstance(name, str) or not name:
        raise UnsupportedModelError(f"{file} does not name its base model ({BASE}).")
    if (file.parent / name).is_dir():
        return file.parent / name
    try:
        return locate_model(name)
    except ModelNotFoundError as error:
        raise ModelNotFoundError(
            f"{file} names the base model {name!r} ({BASE}), which was not found; write there "
            f"where it is. {error}"
        ) from error


def _adapted(tower: TowerFiles, folder: Path) -> TowerFiles:
    tokenizer = folder if holds_tokenizer(folder) else tower.tokenizer
    return replace(tower, adapter=folder, tokenizer_folder=tokenizer)
