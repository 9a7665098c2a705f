"""What does our own layout mean? Its lsr.json says where each tower lies, and how it weights terms.

docs/formats/encoder-v1.md draws it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from lsr.encoders.json_file import read_json
from lsr.encoders.layouts.model_files import check_tokenizer, check_weights, read_config
from lsr.encoders.layouts.towers import Checkpoint, TowerFiles
from lsr.encoders.linear_head import LinearHead
from lsr.encoders.method import (
    CausalWeighting,
    Head,
    NetworkWeighting,
    Side,
    TableWeighting,
)
from lsr.encoders.safetensors_file import SafetensorsFile
from lsr.errors import UnsupportedModelError

ENCODER_FILE = "lsr.json"
HEADS_FILE = "heads.safetensors"


class TowerEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tower as lsr.json says it.

    Attributes:
        side: how it weights terms.
        folder: of its network and its tokenizer, from the folder of lsr.json.
        table: the file of its weights, where they come from a table; from the same folder.
        max_length: how many tokens of a text are read unless the user says; null for 256.
    """

    side: Side
    folder: str = "."
    table: str | None = None
    max_length: Annotated[int, msgspec.Meta(ge=1)] | None = None


class EncoderFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What lsr.json holds."""

    version: Literal[1]
    documents: TowerEntry
    queries: TowerEntry


def read_own(folder: Path) -> Checkpoint | None:
    """Read a folder that holds an lsr.json; see `Layout`."""
    file = folder / ENCODER_FILE
    if not file.is_file():
        return None
    try:
        said = msgspec.convert(read_json(file, dict), EncoderFile)
    except msgspec.ValidationError as error:
        raise UnsupportedModelError(
            f"{file} is not understood ({error}); docs/formats/encoder-v1.md says what it holds."
        ) from error
    return Checkpoint(_tower(file, said.documents), _tower(file, said.queries))


def _tower(file: Path, entry: TowerEntry) -> TowerFiles:
    folder, weighting = _inside(file, entry.folder), entry.side.weighting
    check_tokenizer(folder)
    has_network = isinstance(weighting, NetworkWeighting | CausalWeighting)
    if has_network:
        check_weights(folder)
    is_table = isinstance(weighting, TableWeighting)
    if is_table != (entry.table is not None):
        raise UnsupportedModelError(
            f"{file} must name a table for the weighting 'table', and for no other."
        )
    has_config = has_network or (folder / "config.json").is_file()
    return TowerFiles(
        folder,
        read_config(folder) if has_config else {},
        entry.side,
        table=None if entry.table is None else _inside(file, entry.table),
        heads=_heads(folder / HEADS_FILE),
        max_length=entry.max_length,
    )


def _inside(file: Path, name: str) -> Path:
    """Return what a name stands for, if that is in the folder of `file`."""
    # Not resolved: the files of the hub's cache are links to another folder.
    normal = Path(os.path.normpath(name))
    if normal.is_absolute() or ".." in normal.parts:
        raise UnsupportedModelError(f"{file} names {name!r}, which is not in its folder.")
    path = file.parent / normal
    if not path.exists():
        raise UnsupportedModelError(f"{file} names {name!r}, which does not exist.")
    return path


def _heads(file: Path) -> dict[Head, LinearHead]:
    if not file.is_file():
        return {}
    tensors = SafetensorsFile(file)
    return {head: LinearHead(file, head.value) for head in Head if f"{head}.weight" in tensors}
