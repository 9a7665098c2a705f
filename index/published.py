"""How does an index get to an object store, and from there to whoever searches it?

What is published is an ordinary index, of one commit, whose files have their checksums in their
names. So a file is never replaced by another: one that is there already need not be copied, whoever
reads the commit before is not disturbed, and the manifest, which comes last, makes an index of what
was a heap of files. Search maps files, so it has a copy on the disk, to which a new commit comes as
to any index: what has not changed stays.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path

import msgspec
import xxhash

from lsr.errors import CorruptIndexError, IndexExistsError, IndexNotFoundError
from lsr.index.manifest import (
    FILE_NAME,
    FORMAT_NAME,
    SEGMENT_FOLDER,
    Manifest,
    manifest_of,
    with_files,
)
from lsr.index.object_store import ObjectStore, is_url
from lsr.index.sealed_json import sealed
from lsr.index.searcher import open_last_commit
from lsr.index.segment import verify_file
from lsr.index.storage import (
    DRAFT_SUFFIX,
    FileEntry,
    NewFile,
    disk,
    disk_errors,
    make_folder,
    remove_file,
    replace_file,
    sync_folder,
)

URL_NAME = "url"
"""File beside a copy that says of what it is one."""

LOCK_NAME = "copying.lock"

_AGAIN = "put the index there again: lsr snapshot --index DIR --output URL --force"


def publish(index_path: Path, url: str, *, replace: bool = False) -> Manifest:
    """Put the last commit of an index at a URL, while it may be written.

    Nobody keeps two from doing so at the same time; the last one's manifest counts, and files that
    it does not name are removed.

    Args:
        index_path: the index.
        url: where it is to lie.
        replace: take the place of the index that lies there.

    Raises:
        CorruptIndexError: a file of the index is damaged.
        IndexExistsError: there is an index at `url` and `replace` is false.
        IndexStorageError: the place cannot be written.
    """
    store = ObjectStore(url)
    if not replace and _published_bytes(store) is not None:
        raise IndexExistsError(f"{url} is an index already; choose another place, or add --force.")
    return open_last_commit(index_path, lambda manifest: _put(index_path, manifest, store))


def readable_folder(place: str | Path) -> Path:
    """Return where an index can be opened: its folder, or a copy of what lies at a URL.

    Raises:
        IndexNotFoundError: there is no index at the URL.
        CorruptIndexError: what lies there is damaged.
        IndexStorageError: the place cannot be read, or the copy not be written.
    """
    if not is_url(place):
        return Path(place)
    store = ObjectStore(str(place))
    copy = _copy_of(store)
    content = _manifest_bytes(store)
    if _is_complete(copy, content, manifest_of(content, store.url, _AGAIN)):
        return copy
    with _copying(copy, store.url):
        while True:
            content = _manifest_bytes(store)
            manifest = manifest_of(content, store.url, _AGAIN)
            try:
                _fetch(store, copy, manifest)
            except CorruptIndexError:
                if _manifest_bytes(store) == content:
                    raise
            else:
                replace_file(copy / FILE_NAME, content)
                _remove_others(copy, manifest.file_names())
                return copy


def manifest_at(place: str) -> Manifest:
    """Read which files an index consists of, without copying them.

    Raises:
        IndexNotFoundError: there is no index at the URL.
        CorruptIndexError: the manifest is damaged.
    """
    store = ObjectStore(place)
    return manifest_of(_manifest_bytes(store), store.url, _AGAIN)


def folder_with(url: str, part: Manifest) -> Path:
    """Return a folder that holds the files of a part of an index at a URL, and maybe others.

    Raises:
        CorruptIndexError: a file is not there any more, or damaged.
    """
    store = ObjectStore(url)
    copy = _copy_of(store)
    with _copying(copy, store.url):
        _fetch(store, copy, part)
        _remove_others(copy, part.file_names() | manifest_at(url).file_names())
    return copy


def origin_of(path: Path) -> str | None:
    """Return the URL of which a folder is a copy, or None where it is none."""
    note = path.resolve().parent / URL_NAME
    is_copy = note.parent.parent == _copies().resolve() and note.is_file()
    return note.read_text().strip() if is_copy else None


def _put(index_path: Path, manifest: Manifest, store: ObjectStore) -> Manifest:
    names: dict[str, FileEntry] = {}

    def renamed(file: FileEntry) -> FileEntry:
        stem, _, suffix = file.name.partition(".")
        name = f"{stem}-{file.xxh3_64}.{suffix}"
        names[name] = file
        return msgspec.structs.replace(file, name=name)

    segments = [
        msgspec.structs.replace(one, name=one.arrays.name.partition(".")[0])
        for one in (with_files(segment, renamed) for segment in manifest.segments)
    ]
    vocabulary = with_files(manifest.vocabulary, renamed)
    published = msgspec.structs.replace(manifest, segments=segments, vocabulary=vocabulary)
    there = store.sizes(SEGMENT_FOLDER)
    for name, file in names.items():
        source = index_path / SEGMENT_FOLDER / file.name
        verify_file(source, file)
        if there.get(name) != file.size_bytes:
            store.put(f"{SEGMENT_FOLDER}/{name}", source)
    store.write(FILE_NAME, sealed(FORMAT_NAME, published))
    for name in there.keys() - names.keys():
        store.remove(f"{SEGMENT_FOLDER}/{name}")
    return published


def _published_bytes(store: ObjectStore) -> bytes | None:
    try:
        return store.read(FILE_NAME)
    except FileNotFoundError:
        return None


def _manifest_bytes(store: ObjectStore) -> bytes:
    content = _published_bytes(store)
    if content is None:
        raise IndexNotFoundError(
            f"{store.url} is not an index: it has no manifest.json, perhaps because it was not "
            f"copied to the end. Put one there: lsr snapshot --index DIR --output {store.url}"
        )
    return content


def _copies() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "lsr" / "indexes"


def _copy_of(store: ObjectStore) -> Path:
    return _copies() / xxhash.xxh3_64_hexdigest(store.url.encode()) / (store.name or "index")


def _is_complete(copy: Path, content: bytes, manifest: Manifest) -> bool:
    folder = copy / SEGMENT_FOLDER
    try:
        return (copy / FILE_NAME).read_bytes() == content and all(
            (folder / file.name).stat().st_size == file.size_bytes for file in manifest.files()
        )
    except FileNotFoundError:
        return False


@contextmanager
def _copying(copy: Path, url: str) -> Iterator[None]:
    """Let others wait who would copy the same."""
    import filelock  # who has the copy already does not wait for it

    make_folder(copy / SEGMENT_FOLDER)
    with disk_errors(copy), filelock.FileLock(copy.parent / LOCK_NAME):
        replace_file(copy.parent / URL_NAME, url.encode())
        yield


def _fetch(store: ObjectStore, copy: Path, manifest: Manifest) -> None:
    """Copy the files that are not there yet."""
    for file in manifest.files():
        target = copy / SEGMENT_FOLDER / file.name
        if target.is_file() and target.stat().st_size == file.size_bytes:
            continue
        make_folder(target.parent)
        draft = NewFile(target.with_name(target.name + DRAFT_SUFFIX))
        try:
            for chunk in store.chunks(f"{SEGMENT_FOLDER}/{file.name}"):
                draft.write(chunk)
            found = draft.finish().xxh3_64
        except FileNotFoundError:
            raise CorruptIndexError(
                f"{store.url}/{SEGMENT_FOLDER}/{file.name} is missing; {_AGAIN}"
            ) from None
        finally:
            draft.abandon()
        if found != file.xxh3_64:
            raise CorruptIndexError(
                f"{store.url}/{SEGMENT_FOLDER}/{file.name} is damaged: its checksum is {found} "
                f"where {file.xxh3_64} was written; {_AGAIN}"
            )
        with disk_errors(target):
            disk.rename(draft.path, target)
            sync_folder(target.parent)


def _remove_others(copy: Path, names: Set[str]) -> None:
    folder = copy / SEGMENT_FOLDER
    for file in folder.rglob("*"):
        if file.is_file() and str(file.relative_to(folder)) not in names:
            remove_file(file)
