"""What belongs to an index? The manifest says: settings, vocabulary, and the live segments.

It is the only file that changes, by one atomic rename; whatever it does not name does not exist.
Layout: docs/formats/index-v2.md.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from lsr.errors import IndexNotFoundError
from lsr.index.fields import FieldKind
from lsr.index.impact_coder import WeightType
from lsr.index.sealed_json import damaged, sealed, unsealed, unsealed_bytes
from lsr.index.storage import (
    DRAFT_SUFFIX,
    FileEntry,
    disk_errors,
    remove_tree,
    replace_file,
)
from lsr.index.vocabulary import VocabularyKind

FILE_NAME = "manifest.json"
DRAFT_NAME = FILE_NAME + DRAFT_SUFFIX
SEGMENT_FOLDER = "segments"
FORMAT_NAME = "lsr-index"


class SegmentEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A segment: counts, its files, and which of its documents are deleted by now."""

    name: str
    n_docs: int
    n_terms: int
    n_postings: int
    n_clipped: int
    arrays: FileEntry
    doc_offsets: FileEntry
    doc_ids: FileEntry
    documents: FileEntry
    n_deleted: int = 0
    deleted: FileEntry | None = None
    columns: FileEntry | None = None
    dense: FileEntry | None = None

    @property
    def files(self) -> list[FileEntry]:
        """All files of the segment."""
        files = [self.arrays, self.doc_offsets, self.doc_ids, self.documents]
        return files + [file for file in (self.deleted, self.columns, self.dense) if file]


class VocabularyEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The vocabulary: where its terms come from, and the file that names them."""

    kind: VocabularyKind
    n_terms: int
    fingerprint: str
    names: FileEntry | None = None


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One commit of an index.

    Attributes:
        commit: rises by one with every commit.
        next_file_number: number of the next file to write; never used twice.
        weights: what postings hold.
        max_weight: the quantizer's only setting; None before the first weight has come, and where
            weights are not quantized.
        prune: the rule by which document weights were left out; None when all are there.
        encoder: settings that load the encoder again; None for an index of vectors.
        properties: free text of the index's maker.
        fields: metadata that filters can name, and what kind of values it has.
        dense_size: numbers in the dense row that every document has; 0 where none has one.
        segments: in order of their document numbers.
    """

    commit: int
    next_file_number: int
    max_weight: float | None
    vocabulary: VocabularyEntry
    encoder: dict[str, Any] | None
    properties: dict[str, str]
    segments: list[SegmentEntry]
    weights: WeightType = WeightType.UINT8
    prune: str | None = None
    fields: dict[str, FieldKind] = {}
    dense_size: int = 0

    def files(self) -> list[FileEntry]:
        """Return all files that this commit needs."""
        files = [file for one in self.segments for file in one.files]
        return files + ([self.vocabulary.names] if self.vocabulary.names else [])

    def file_names(self) -> set[str]:
        """Return the names of all files that this commit needs."""
        return {file.name for file in self.files()}


Entry = TypeVar("Entry", SegmentEntry, VocabularyEntry)


def with_files(entry: Entry, change: Callable[[FileEntry], FileEntry]) -> Entry:
    """Return what names files, naming each as `change` says."""
    files = {
        field: change(value)
        for field in entry.__struct_fields__
        if isinstance(value := getattr(entry, field), FileEntry)
    }
    return msgspec.structs.replace(entry, **files)


def is_index(path: Path) -> bool:
    """Say whether there is an index at `path`."""
    return (path / FILE_NAME).is_file()


def read_manifest(path: Path) -> Manifest:
    """Read the manifest of the index at `path`.

    Raises:
        IndexNotFoundError: there is no index at this path.
        CorruptIndexError: the manifest is damaged.
        FormatVersionError: the index was written by another version of the format.
    """
    if not is_index(path):
        what = "is a file" if path.is_file() else "does not exist"
        what = "has no manifest.json" if path.is_dir() else what
        raise IndexNotFoundError(
            f"{path} is not an index: it {what}. Make one with: lsr index CORPUS --index {path}"
        )
    # What a damaged manifest names cannot be known, so a new index is not made over it.
    remedy = f"restore it from a copy, or remove {path} and build the index again."
    return _decoded(unsealed(path / FILE_NAME, FORMAT_NAME, remedy), str(path), remedy)


def manifest_of(content: bytes, place: str, remedy: str) -> Manifest:
    """Read a manifest of another place than a folder.

    Args:
        content: its bytes.
        place: where it lies.
        remedy: what to do when it is damaged.

    Raises:
        LsrError: as `read_manifest`.
    """
    found = unsealed_bytes(content, place, FILE_NAME, FORMAT_NAME, remedy)
    return _decoded(found, place, remedy)


def _decoded(content: bytes, place: str, remedy: str) -> Manifest:
    try:
        return msgspec.json.decode(content, type=Manifest)
    except msgspec.MsgspecError as error:
        raise damaged(f"{place}/{FILE_NAME}", str(error), remedy) from error


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Publish a commit: from here on, readers that open the index see it."""
    replace_file(path / FILE_NAME, sealed(FORMAT_NAME, manifest))


def remove_orphans(path: Path, *manifests: Manifest | None) -> None:
    """Remove segment files and shards that no manifest names: leftovers of a crash, or replaced."""
    named = [name for manifest in manifests if manifest for name in manifest.file_names()]
    keep = {name.partition("/")[0] for name in named}
    folder = path / SEGMENT_FOLDER
    with disk_errors(folder):
        for file in folder.glob("*") if folder.is_dir() else []:
            if file.name not in keep:
                remove_tree(file)
