"""Which part of an index lies in which shard? The names of its files say so.

A shard is an ordinary index that lies inside another one's folder of segments. The manifest of the
whole names the shards' files as ``shard-00003/segments/00000001.arrays`` and is otherwise like any
other, so that whoever reads an index reads a sharded one too, and a commit of the whole holds for
all of it. Shards follow each other in the order of the collection, so documents have the numbers
that they would have without shards. Files of a shard never change: what is deleted or added later
belongs to the whole. Layout: docs/formats/index-v2.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import msgspec

from lsr.errors import ConfigError
from lsr.index.checkpoint import Checkpoint, remove_checkpoint
from lsr.index.manifest import (
    SEGMENT_FOLDER,
    Manifest,
    SegmentEntry,
    remove_orphans,
    with_files,
    write_manifest,
)
from lsr.index.storage import copy_file, link_file, make_folder, sync_folder

_PREFIX = "shard-"


@dataclass(frozen=True, slots=True)
class Part:
    """Neighbouring segments of a commit, which can be searched on their own.

    Attributes:
        name: of the shard that they lie in; ``added`` for those that lie in none.
        manifest: the commit with these segments only.
        first_doc: number of the first document in the index.
    """

    name: str
    manifest: Manifest
    first_doc: int


def shard_folder(index_path: Path, number: int) -> Path:
    """Return where the shard of a number lies, once it is complete."""
    return index_path / SEGMENT_FOLDER / f"{_PREFIX}{number:05d}"


def begin_shard(index_path: Path, draft: Manifest, folder: Path) -> None:
    """Make an index without documents, with the settings and the vocabulary of another's draft.

    Args:
        index_path: the whole.
        draft: what the whole will be; its vocabulary file lies in `index_path`.
        folder: of the shard.
    """
    make_folder(folder / SEGMENT_FOLDER)
    names = draft.vocabulary.names
    if names:
        source = index_path / SEGMENT_FOLDER / names.name
        target = folder / SEGMENT_FOLDER / names.name
        if not link_file(source, target):
            copy_file(source, names.size_bytes, target)
    sync_folder(folder / SEGMENT_FOLDER)
    write_manifest(folder, msgspec.structs.replace(draft, commit=1, segments=[]))


def publish_shards(index_path: Path, unfinished: Checkpoint, shards: Sequence[Manifest]) -> None:
    """Commit an index of shards, all of which are complete; the write lock is held.

    Args:
        index_path: the whole.
        unfinished: its checkpoint, whose draft has settings and vocabulary.
        shards: the commits of its shards, in order.

    Raises:
        ConfigError: a shard was made with other settings.
    """
    for number, shard in enumerate(shards):
        _refuse_other_settings(shard_folder(index_path, number), shard, unfinished.draft)
    segments = [
        _inside(shard_folder(index_path, number).name, entry)
        for number, shard in enumerate(shards)
        for entry in shard.segments
    ]
    manifest = msgspec.structs.replace(unfinished.draft, segments=segments)
    sync_folder(index_path / SEGMENT_FOLDER)
    write_manifest(index_path, manifest)
    remove_checkpoint(index_path)
    remove_orphans(index_path, manifest)


def is_sharded(entry: SegmentEntry) -> bool:
    """Say whether a segment lies in a shard."""
    return "/" in entry.name


def parts_of(manifest: Manifest) -> list[Part]:
    """Return a commit's shards in order, and last what was added to the whole since."""
    parts, first_doc = [], 0
    for folder, segments in groupby(manifest.segments, lambda one: one.name.rpartition("/")[0]):
        own = list(segments)
        part = msgspec.structs.replace(manifest, segments=own)
        parts.append(Part(folder.partition("/")[0] or "added", part, first_doc))
        first_doc += sum(one.n_docs for one in own)
    return parts


def _inside(shard: str, entry: SegmentEntry) -> SegmentEntry:
    """Return the segment of a shard as the whole names it."""
    place = f"{shard}/{SEGMENT_FOLDER}/"
    moved = with_files(entry, lambda file: msgspec.structs.replace(file, name=place + file.name))
    return msgspec.structs.replace(moved, name=place + entry.name)


def _refuse_other_settings(folder: Path, shard: Manifest, draft: Manifest) -> None:
    for setting in ("max_weight", "weights", "prune", "encoder", "fields", "dense_size"):
        found, wanted = getattr(shard, setting), getattr(draft, setting)
        if found != wanted:
            raise ConfigError(
                f"{folder} was made with {setting} {found}, the other shards with {wanted}: their "
                "scores would not compare. Remove it and repeat the command with --resume."
            )
    if shard.vocabulary.fingerprint != draft.vocabulary.fingerprint:
        raise ConfigError(
            f"{folder} has another vocabulary ({shard.vocabulary.fingerprint[:12]}) than the other "
            f"shards ({draft.vocabulary.fingerprint[:12]}). Remove it and repeat the command with "
            "--resume."
        )
