"""From where does a training go on? From the newest checkpoint that is whole.

A checkpoint is a folder of transformers' trainer, with the weights in safetensors, and what the
objective, the guard and the measurements remember. Its last file is that trainer's state: a folder
without it, or with half of it, was being written when the training ended, and is passed over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from lsr.errors import ConfigError, InvalidInputError
from lsr.training.recipe import Recipe

RECIPE_FILE = "recipe.json"
FOLDER = "checkpoints"
WEIGHTS_FILE = "model.safetensors"
MEMORY_FILE = "lsr_state.json"
LAST_FILE = "trainer_state.json"


def begin(output: Path, recipe: Recipe, *, resume: bool) -> Path | None:
    """Make the folder of a training, or find where it goes on.

    Args:
        output: the folder.
        recipe: of the training.
        resume: whether to go on.

    Returns:
        The checkpoint to go on from; None to begin.

    Raises:
        InvalidInputError: something else is in the folder, or there is nothing to resume.
        ConfigError: the training in the folder has another recipe.
    """
    stored = output / RECIPE_FILE
    if resume:
        if not stored.is_file():
            raise InvalidInputError(
                f"{output} holds no training to resume; leave --resume out to begin one."
            )
        _refuse_another_recipe(json.loads(stored.read_text(encoding="utf-8")), recipe, output)
        return newest(output / FOLDER)
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        hint = "go on with --resume, or " if stored.is_file() else ""
        raise InvalidInputError(f"{output} is not empty; {hint}choose another folder.")
    output.mkdir(parents=True, exist_ok=True)
    stored.write_bytes(msgspec.json.format(msgspec.json.encode(recipe)))
    return None


def newest(folder: Path) -> Path | None:
    """Return the newest checkpoint in a folder that is whole, if there is one."""
    found = sorted(folder.glob("checkpoint-*"), key=_step, reverse=True)
    return next((one for one in found if _is_whole(one)), None)


def _step(checkpoint: Path) -> int:
    number = checkpoint.name.rpartition("-")[2]
    return int(number) if number.isdecimal() else -1


def _is_whole(checkpoint: Path) -> bool:
    try:
        json.loads((checkpoint / LAST_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True


def _refuse_another_recipe(stored: Mapping[str, Any], recipe: Recipe, output: Path) -> None:
    """Raise if a setting differs that changes the weights; what is only said may differ."""
    wanted = msgspec.json.decode(msgspec.json.encode(recipe))
    differing = [
        key
        for key in _keys(stored) | _keys(wanted)
        if key[0] not in ("source", "published") and _at(stored, key) != _at(wanted, key)
    ]
    if differing:
        key = min(differing)
        raise ConfigError(
            f"{output} holds the training of another recipe: {'.'.join(key)} is "
            f"{_at(stored, key)!r} there and {_at(wanted, key)!r} here"
            f"{f', and {len(differing) - 1} more differ' if len(differing) > 1 else ''}; resume "
            "with that recipe, or choose another folder."
        )


def _keys(values: Mapping[str, Any], above: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    for name, value in values.items():
        is_table = isinstance(value, Mapping)
        found |= _keys(value, (*above, name)) if is_table else {(*above, name)}
    return found


def _at(values: Any, key: tuple[str, ...]) -> Any:
    for name in key:
        values = values.get(name) if isinstance(values, Mapping) else None
    return values
