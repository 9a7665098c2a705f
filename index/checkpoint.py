"""What is left of a build that was interrupted? What its last checkpoint names.

A checkpoint is a manifest that nobody publishes: it names the segments that would be the index if
the build ended now, and says how far the input was read. It lies beside the real manifest, counts
for nothing in a search, and is void once the index has another commit than the one it builds on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from lsr.errors import ConfigError
from lsr.index.manifest import Manifest, is_index, read_manifest
from lsr.index.sealed_json import damaged, sealed, unsealed
from lsr.index.storage import DRAFT_SUFFIX, remove_file, replace_file

CHECKPOINT_NAME = "checkpoint.json"
CHECKPOINT_DRAFT_NAME = CHECKPOINT_NAME + DRAFT_SUFFIX
_FORMAT_NAME = "lsr-checkpoint"
_REMEDY = "remove it to drop the interrupted build, and build again."


class Checkpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A build that can be continued.

    Attributes:
        base_commit: the commit that it builds on; 0 when there was none.
        replaces: whether the documents of that commit are to go.
        draft: what a commit would have published.
        n_docs: documents that the build has added.
        progress: how far the input was read, in the words of whoever reads it.
    """

    base_commit: int
    replaces: bool
    draft: Manifest
    n_docs: int
    progress: dict[str, Any]


def read_checkpoint(path: Path) -> Checkpoint | None:
    """Read the checkpoint of the index at `path`; None when there is none that counts.

    Raises:
        CorruptIndexError: it is damaged.
    """
    file = path / CHECKPOINT_NAME
    if not file.is_file():
        return None
    content = unsealed(file, _FORMAT_NAME, _REMEDY)
    try:
        checkpoint = msgspec.json.decode(content, type=Checkpoint)
    except msgspec.MsgspecError as error:
        raise damaged(file, str(error), _REMEDY) from error
    commit = read_manifest(path).commit if is_index(path) else 0
    return checkpoint if checkpoint.base_commit == commit else None


def refuse_unfinished(path: Path) -> None:
    """Keep a new writer from throwing away an interrupted build.

    Raises:
        ConfigError: there is one.
    """
    unfinished = read_checkpoint(path)
    if unfinished:
        raise ConfigError(
            f"{path} holds an interrupted build of {unfinished.n_docs:,} documents; continue it "
            f"with lsr index --resume, or remove {path / CHECKPOINT_NAME} to drop it."
        )


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Put a checkpoint in the place of the one before."""
    replace_file(path / CHECKPOINT_NAME, sealed(_FORMAT_NAME, checkpoint))


def remove_checkpoint(path: Path) -> None:
    """Remove the checkpoint, if there is one."""
    if (path / CHECKPOINT_NAME).exists():
        remove_file(path / CHECKPOINT_NAME)
