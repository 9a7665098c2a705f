"""How is a shard built, whoever is killed meanwhile? Under a passing name, and then named at once.

A shard is the same bytes whoever builds it, so two who build one at the same time do no harm: the
first to give it its name wins, and the other drops its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import msgspec

from lsr.cluster.planning import ShardPlan
from lsr.cluster.tasks import loaded_encoder
from lsr.errors import ConfigError, IndexStorageError
from lsr.index import (
    Checkpoint,
    begin_shard,
    is_index,
    move_folder,
    publish_shards,
    read_checkpoint,
    read_manifest,
    remove_tree,
    shard_folder,
)
from lsr.retrieval import Index


def is_planned(index_path: Path) -> bool:
    """Say whether a build of shards waits at `index_path`."""
    return read_checkpoint(index_path) is not None


def planned(index_path: Path) -> ShardPlan:
    """Return the plan of the build that waits at `index_path`."""
    return ShardPlan.of(_unfinished(index_path))


def shards_to_build(index_path: Path) -> tuple[list[int], int]:
    """Return the numbers of the shards that are not complete, and how many documents they hold.

    What was begun of them is removed. The write lock of the whole is held.
    """
    plan = planned(index_path)
    for attempt in shard_folder(index_path, 0).parent.glob("*.attempt-*"):
        # A worker outlives its command for a moment, and writes or removes files in there. What it
        # leaves goes with the commit.
        with suppress(OSError, IndexStorageError):
            remove_tree(attempt)
    numbers = [
        number for number in range(plan.n_shards) if not is_index(shard_folder(index_path, number))
    ]
    return numbers, sum(map(plan.n_docs, numbers))


def build_shard(index_path: Path, number: int) -> int:
    """Build a shard of the planned index at `index_path` and return how many documents it holds.

    Raises:
        LsrError: as `lsr index`.
    """
    unfinished = _unfinished(index_path)
    plan, draft = ShardPlan.of(unfinished), unfinished.draft
    folder = shard_folder(index_path, number)
    attempt = folder.with_name(f"{folder.name}.attempt-{uuid4().hex[:8]}")
    try:
        begin_shard(index_path, draft, attempt)
        encoder = (
            loaded_encoder(msgspec.json.encode(draft.encoder), plan.backend)
            if plan.encodes
            else None
        )
        with Index.open(attempt, encoder=encoder).writer(memory_bytes=plan.memory_bytes) as writer:
            for _ in writer.add_batches(plan.documents(number)):
                pass
            writer.commit()
        if not move_folder(attempt, folder):
            remove_tree(attempt)
    except BaseException:
        remove_tree(attempt)
        raise
    return plan.n_docs(number)


def build_here(index_path: Path, numbers: list[int]) -> Iterator[int]:
    """Build shards one after the other in this process, and yield how many documents each holds."""
    return (build_shard(index_path, number) for number in numbers)


def finish(index_path: Path) -> None:
    """Commit the whole, all of whose shards are complete; its write lock is held.

    Raises:
        ConfigError: a shard was made with other settings.
        CorruptIndexError: a shard is damaged.
    """
    unfinished = _unfinished(index_path)
    numbers = range(ShardPlan.of(unfinished).n_shards)
    shards = [read_manifest(shard_folder(index_path, number)) for number in numbers]
    publish_shards(index_path, unfinished, shards)


def _unfinished(index_path: Path) -> Checkpoint:
    unfinished = read_checkpoint(index_path)
    if unfinished is None:
        raise ConfigError(
            f"{index_path} holds no plan of shards; the folder must be the same on all machines."
        )
    return unfinished
