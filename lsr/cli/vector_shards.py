"""How does `lsr encode` survive a kill? Shards are published whole, and named once they are safe.

A shard and the manifest that names it are each written under another name, synced and renamed, in
this order. So at any moment the folder holds whole shards only, and --resume goes on after them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from lsr.cli.output import note
from lsr.corpus import corpus_state
from lsr.corpus.vector_file import vector_file_bytes, vector_schema
from lsr.corpus.vector_folder import (
    MANIFEST_NAME,
    Shard,
    VectorFolder,
    is_vector_folder,
    read_vector_folder,
)
from lsr.encoders import Encoder
from lsr.errors import ConfigError, InvalidInputError
from lsr.index.storage import DRAFT_SUFFIX, make_folder, remove_file, replace_file
from lsr.sparse import SparseBatch

SHARD_DOCS = 8192
"""Documents of a shard: some seconds of work for a small model on a CPU, minutes for a large one,
which is what a kill costs."""


class ShardWriter:
    """Appends vectors to a folder, shard by shard.

    Args:
        path: the folder.
        folder: what it holds already.
        tokens: name of every term id.
    """

    def __init__(self, path: Path, folder: VectorFolder, tokens: Sequence[str]) -> None:
        self._path = path
        self._folder = folder
        self._schema = vector_schema(tokens, folder.encoder)
        self._ids: list[str] = []
        self._parts: list[SparseBatch] = []
        make_folder(path.resolve())
        for draft in path.glob(f"*{DRAFT_SUFFIX}"):
            remove_file(draft)
        self._publish(folder)

    @property
    def n_docs(self) -> int:
        """Number of documents in whole shards."""
        return self._folder.n_docs

    def write(self, ids: Sequence[str], vectors: SparseBatch) -> None:
        """Append vectors, one per id.

        Raises:
            DiskFullError: the disk is full.
        """
        start = 0
        while start < len(ids):
            stop = min(len(ids), start + SHARD_DOCS - len(self._ids))
            self._ids += ids[start:stop]
            self._parts.append(vectors.slice(start, stop))
            if len(self._ids) == SHARD_DOCS:
                self._write_shard()
            start = stop

    def finish(self) -> None:
        """Write what is left, and declare the folder complete."""
        if self._ids:
            self._write_shard()
        self._publish(msgspec.structs.replace(self._folder, is_complete=True))

    def _write_shard(self) -> None:
        vectors = SparseBatch.concatenate(self._parts)
        content = vector_file_bytes(self._schema, self._ids, vectors)
        shards = self._folder.shards
        shard = Shard(f"part-{len(shards):05}.parquet", len(self._ids), len(content))
        replace_file(self._path / shard.name, content)
        self._publish(msgspec.structs.replace(self._folder, shards=[*shards, shard]))
        self._ids, self._parts = [], []

    def _publish(self, folder: VectorFolder) -> None:
        replace_file(self._path / MANIFEST_NAME, msgspec.json.encode(folder))
        self._folder = folder


def folder_to_write(path: Path, source: str, encoder: Encoder, resume: bool) -> VectorFolder:
    """Return what the folder at `path` holds already of the vectors that are to be written.

    Args:
        path: the folder.
        source: the corpus.
        encoder: makes the vectors.
        resume: whether to go on with vectors that are there.

    Raises:
        ConfigError: vectors are in the way, or they are of another encoder or corpus.
        InvalidInputError: something else is in the way, or the vectors are damaged.
    """
    wanted = VectorFolder(
        encoder=encoder.settings,
        fingerprint=encoder.fingerprint,
        source=str(Path(source).resolve()) if Path(source).exists() else source,
        source_state=corpus_state(source),
    )
    if resume and wanted.source_state is None:
        raise ConfigError(
            "Standard input cannot be read again from where it stopped; --resume needs a file."
        )
    if not is_vector_folder(path):
        if path.exists() and not _is_vacant(path):
            raise InvalidInputError(
                f"{path} holds something else than vectors; name a folder that is empty or new."
            )
        if resume:
            note(f"note: {path} holds no interrupted encoding; starting at the beginning.")
        return wanted
    found = read_vector_folder(path)
    if not found.n_docs and not found.is_complete:
        return wanted
    if not resume:
        raise ConfigError(
            f"{path} holds the vectors of {found.n_docs:,} documents; continue with --resume, or "
            "remove it or name another folder to encode them anew."
        )
    _refuse_difference(path, found, wanted)
    return found


@contextmanager
def telling_what_is_kept(writer: ShardWriter) -> Iterator[None]:
    """Say, when an encoding breaks off, that it can be continued."""
    try:
        yield
    except BaseException:
        if writer.n_docs:
            note(
                f"note: the vectors of {writer.n_docs:,} documents are kept; repeat the command "
                "with --resume to continue after them."
            )
        raise


def _is_vacant(path: Path) -> bool:
    return path.is_dir() and all(one.name.endswith(DRAFT_SUFFIX) for one in path.iterdir())


def _refuse_difference(path: Path, found: VectorFolder, wanted: VectorFolder) -> None:
    remedy = "repeat the command as it was to continue, or name another folder"
    settings: dict[str, tuple[Any, Any]] = {
        name: (found.encoder.get(name), wanted.encoder.get(name))
        for name in {**wanted.encoder, **found.encoder}
    }
    settings["vocabulary"] = (found.fingerprint, wanted.fingerprint)
    for name, (before, now) in settings.items():
        if before != now:
            raise ConfigError(
                f"The vectors in {path} were made with the {name.replace('_', ' ')} {before!r}, "
                f"not {now!r}; {remedy}."
            )
    if found.source != wanted.source:
        raise ConfigError(f"The vectors in {path} are those of {found.source}; {remedy}.")
    if found.source_state != wanted.source_state:
        raise ConfigError(
            f"{wanted.source} has changed since its vectors in {path} were made; name another "
            "folder to encode it anew."
        )
