"""How does a folder of vectors say what it holds? A manifest lists the shards that are whole.

`lsr encode` writes such a folder: Parquet files as `vector_file` describes them, in the order of
the corpus, and ``vectors.json``, which names a shard once it is safe on the disk. Whatever else
lies there counts for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec

from lsr.corpus.records import RecordForm, Report
from lsr.documents import DocumentBatch
from lsr.errors import InvalidInputError

MANIFEST_NAME = "vectors.json"
FORMAT_VERSION = 1


class Shard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A Parquet file of the folder.

    Attributes:
        name: its name.
        n_docs: documents in it.
        size_bytes: its length.
    """

    name: Annotated[str, msgspec.Meta(pattern=r"^part-\d+\.parquet$")]
    n_docs: Annotated[int, msgspec.Meta(ge=0)]
    size_bytes: Annotated[int, msgspec.Meta(ge=0)]


class VectorFolder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a folder holds.

    Attributes:
        version: of this format.
        encoder: settings of the encoder that made the vectors.
        fingerprint: of its vocabulary.
        source: the corpus, a file by its whole path.
        source_state: what changes when the corpus does; None for one that is read only once.
        shards: those that are whole, in the order of the corpus.
        is_complete: whether they hold all of the corpus.
    """

    version: int = FORMAT_VERSION
    encoder: dict[str, Any]
    fingerprint: str
    source: str
    source_state: str | None
    shards: Sequence[Shard] = ()
    is_complete: bool = False

    @property
    def n_docs(self) -> int:
        """Number of documents whose vectors are there."""
        return sum(shard.n_docs for shard in self.shards)


def is_vector_folder(path: Path) -> bool:
    """Say whether there is a manifest."""
    return (path / MANIFEST_NAME).is_file()


def read_vector_folder(path: Path) -> VectorFolder:
    """Read the manifest of a folder, and look whether its shards are there.

    Raises:
        InvalidInputError: it is damaged, of another version, or a shard is not as it was written.
    """
    file = path / MANIFEST_NAME
    try:
        folder = msgspec.json.decode(file.read_bytes(), type=VectorFolder)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInputError(
            f"{file} cannot be read ({error}); remove the folder and run lsr encode again."
        ) from error
    if folder.version != FORMAT_VERSION:
        raise InvalidInputError(
            f"{file} has format version {folder.version}, and this library reads "
            f"{FORMAT_VERSION}; upgrade lsr-engine or encode again."
        )
    for shard in folder.shards:
        shard_file = path / shard.name
        size_bytes = shard_file.stat().st_size if shard_file.is_file() else 0
        if size_bytes != shard.size_bytes:
            raise InvalidInputError(
                f"{shard_file} has {size_bytes:,} bytes where {shard.size_bytes:,} were written; "
                "restore it from a copy, or remove the folder and run lsr encode again."
            )
    return folder


def read_complete_folder(path: Path) -> VectorFolder:
    """Read the manifest of a folder that is to be used.

    Raises:
        InvalidInputError: as `read_vector_folder`, or a part of the corpus is missing.
    """
    folder = read_vector_folder(path)
    if not folder.is_complete:
        raise InvalidInputError(
            f"{path} holds the vectors of only the first {folder.n_docs:,} documents of "
            f"{folder.source}; finish it with lsr encode --resume."
        )
    return folder


def vector_folder_batches(path: Path, form: RecordForm, report: Report) -> Iterator[DocumentBatch]:
    """Yield the rows of all shards in batches.

    Raises:
        InvalidInputError: the folder or a shard is damaged or not finished.
    """
    from lsr.corpus.parquet import parquet_batches

    for shard in read_complete_folder(path).shards:
        yield from parquet_batches(path / shard.name, form, report)
