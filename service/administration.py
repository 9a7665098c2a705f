"""How do indexes come and go? Made and removed in the folder that holds them, whole or not at all.

::

    ROOT/NAME                       an index
    ROOT/.snapshots/NAME/SNAPSHOT   an index put aside
    ROOT/.deleted/...               what is being removed
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lsr.index import (
    Manifest,
    is_index,
    make_snapshot,
    read_manifest,
    restore_snapshot,
    write_lock,
)
from lsr.index.manifest import FILE_NAME
from lsr.index.storage import disk_errors, make_folder, sync_folder
from lsr.retrieval import Index
from lsr.service.catalog import NAME, Catalog
from lsr.service.models import Models
from lsr.service.problems import Problem
from lsr.service.settings import Settings


def checked_name(name: str) -> str:
    """Return `name` if an index or a snapshot may be called so.

    Raises:
        Problem: it may not.
    """
    if NAME.fullmatch(name):
        return name
    raise Problem(
        422,
        "invalid-name",
        f"{name[:64]!r} cannot be a name; use up to 64 of a-z, 0-9, - and _, with a letter or a "
        "digit first.",
    )


class Administration:
    """Makes, removes and restores the indexes of a service. Its methods block.

    Two of them may not be at one index at a time; `lsr.service.write_lanes` sees to that.

    Args:
        catalog: the indexes.
        models: those that new indexes may be made with.
        settings: limits.
    """

    def __init__(self, catalog: Catalog, models: Models, settings: Settings) -> None:
        self._catalog = catalog
        self._models = models
        self._settings = settings
        for root in catalog.roots:
            shutil.rmtree(root / ".deleted", ignore_errors=True)

    def create(self, name: str, model: str | None, options: Mapping[str, Any]) -> Index:
        """Make an empty index, and serve it.

        Args:
            name: of the index.
            model: a configured one; None for documents that bring vectors.
            options: more arguments of `Index.create`.

        Raises:
            Problem: the name is taken, or the model is not configured.
            LsrError: the options do not suit each other, or the disk is full.
        """
        self._refuse_taken(name)
        path = self._root / name
        encoder = None if model is None else self._models[model]
        index = Index.create(path, encoder=encoder, **options)
        with index.writer(memory_bytes=self._settings.writer_memory_bytes) as writer:
            writer.commit()
        self._catalog.add(name, path)
        return index

    def delete(self, name: str) -> None:
        """Serve an index no more, and remove it; its snapshots stay.

        Raises:
            Problem: there is no such index, or it does not lie in a folder of indexes.
            IndexLockedError: another process is writing it.
        """
        path = self._catalog[name].path
        if path.resolve().parent not in self._catalog.roots:
            raise Problem(
                409,
                "not-in-root",
                f"The index {name!r} was named when the service was started, so it is for the "
                "operator to remove.",
            )
        with write_lock(path):
            self._catalog.remove(name)
            try:
                grave = _put_away(path, path.parent)
            except BaseException:
                self._catalog.add(name, path)
                raise
        shutil.rmtree(grave, ignore_errors=True)

    def snapshot(self, name: str, snapshot: str | None) -> dict[str, Any]:
        """Put the last commit of an index aside, and describe the snapshot.

        Raises:
            Problem: there is no such index, or a snapshot of this name.
            CorruptIndexError: a file of the index is damaged.
        """
        served = self._catalog[name]
        if snapshot is None:
            commit = read_manifest(served.path).commit
            snapshot = f"commit-{commit}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
        path = self._snapshots(name) / checked_name(snapshot)
        if path.exists():
            raise Problem(
                409, "snapshot-exists", f"There is a snapshot {snapshot!r} already; name another."
            )
        return _described(path, make_snapshot(served.path, path))

    def snapshots(self, name: str) -> list[dict[str, Any]]:
        """Describe the snapshots of an index, which need not be there any more, by name.

        Raises:
            Problem: there is neither an index of this name nor a snapshot of one.
        """
        folder = self._snapshots(name)
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        if not found:
            _ = self._catalog[name]
        return [_described(one, read_manifest(one)) for one in found if is_index(one)]

    def delete_snapshot(self, name: str, snapshot: str) -> None:
        """Remove a snapshot.

        Raises:
            Problem: there is none of this name.
        """
        shutil.rmtree(_put_away(self._found_snapshot(name, snapshot), self._root))

    def restore(self, name: str, snapshot: str, of: str, *, replace: bool) -> Manifest:
        """Make the index `name` what a snapshot of the index `of` holds.

        Raises:
            Problem: there is no such snapshot, or an index of this name that is not to be replaced.
            CorruptIndexError: a file of the snapshot is damaged; the index is what it was.
            IndexLockedError: another process is writing the index.
        """
        source = self._found_snapshot(of, snapshot)
        if name in self._catalog.names and replace:
            path = self._catalog[name].path
        else:
            self._refuse_taken(name)
            path = self._root / name
        manifest = restore_snapshot(source, path, replace=replace)
        # It may have another model and other fields than before.
        self._catalog.add(name, path)
        return manifest

    @property
    def _root(self) -> Path:
        if not self._catalog.roots:
            raise Problem(
                409,
                "no-root",
                "The service was started with single indexes and has no folder to keep more in; "
                "start it as lsr serve FOLDER.",
            )
        return self._catalog.roots[0]

    def _refuse_taken(self, name: str) -> None:
        path = self._root / checked_name(name)
        if name in self._catalog.names or is_index(path):
            raise Problem(409, "index-exists", f"There is an index {name!r} already.")
        if path.is_symlink() or path.is_file():
            raise Problem(409, "name-taken", f"{name!r} is taken by something that is no index.")

    def _snapshots(self, name: str) -> Path:
        return self._root / ".snapshots" / checked_name(name)

    def _found_snapshot(self, name: str, snapshot: str) -> Path:
        path = self._snapshots(name) / checked_name(snapshot)
        if path.is_symlink() or path.parent.is_symlink() or not is_index(path):
            raise Problem(
                404, "snapshot-not-found", f"The index {name!r} has no snapshot {snapshot!r}."
            )
        return path


def _put_away(path: Path, root: Path) -> Path:
    """Move a folder to where it is removed, now or at the next start, and return that place."""
    grave = root / ".deleted" / f"{path.name}-{time.time_ns()}"
    make_folder(grave.parent)
    with disk_errors(path):
        path.rename(grave)
    sync_folder(path.parent)
    return grave


def _described(path: Path, manifest: Manifest) -> dict[str, Any]:
    made = datetime.fromtimestamp((path / FILE_NAME).stat().st_mtime, UTC)
    return {
        "snapshot": path.name,
        "commit": manifest.commit,
        "n_docs": sum(one.n_docs - one.n_deleted for one in manifest.segments),
        "made_at": made.isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
