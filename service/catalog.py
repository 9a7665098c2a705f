"""Which indexes are served, and at which commit? Readers get a snapshot that stays as it is."""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from threading import Lock

from lsr.errors import ConfigError, IndexNotFoundError
from lsr.index import is_index, read_manifest
from lsr.retrieval import Index
from lsr.service.problems import Problem
from lsr.service.settings import Settings

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
"""What an index may be called: nothing that means something to a file system."""


class ServedIndex:
    """An index and the snapshots of it that readers hold.

    Args:
        path: its folder.
        settings: how many snapshots to keep, and how long.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        self.path = path
        self._settings = settings
        self._lock = Lock()
        self._latest = Index.open(path)
        self._pinned: OrderedDict[int, tuple[Index, float]] = OrderedDict()

    def latest(self) -> Index:
        """Return the last commit, opening it when it is new."""
        commit = read_manifest(self.path).commit
        with self._lock:
            if commit > self._latest.searcher.manifest.commit:
                self._pin(self._latest)
                self._latest = self._latest.reopened()
            return self._latest

    def at(self, commit: int) -> Index:
        """Return the snapshot of a commit.

        Raises:
            Problem: it is not kept any more.
        """
        latest = self.latest()
        if latest.searcher.manifest.commit == commit:
            return latest
        with self._lock:
            self._forget()
            if commit in self._pinned:
                index, _ = self._pinned[commit]
                self._pin(index)
                return index
        raise Problem(
            410,
            "snapshot-gone",
            f"Commit {commit} of the index is not open any more; search again without 'commit'.",
        )

    def _pin(self, index: Index) -> None:
        commit = index.searcher.manifest.commit
        self._pinned[commit] = (index, time.monotonic())
        self._pinned.move_to_end(commit)
        self._forget()

    def _forget(self) -> None:
        oldest = time.monotonic() - self._settings.pinned_seconds
        while self._pinned:
            commit, (_, used) = next(iter(self._pinned.items()))
            if used >= oldest and len(self._pinned) <= self._settings.pinned_snapshots:
                return
            del self._pinned[commit]


class Catalog:
    """The indexes of a service, by name.

    Args:
        folders: indexes, and folders that hold indexes.
        settings: see `ServedIndex`.

    Attributes:
        roots: those of the folders that hold indexes, where more can be made.
        state_folder: where the service keeps what is its own.

    Raises:
        IndexNotFoundError: a folder is no index, holds none, and is not empty.
        ConfigError: two indexes have one name, or a name cannot stand in an address.
    """

    def __init__(self, folders: Iterable[Path], settings: Settings) -> None:
        self._settings = settings
        self._served: dict[str, ServedIndex] = {}
        self.roots: list[Path] = []
        given = list(folders)
        for folder in given:
            if not is_index(folder):
                self.roots.append(folder.resolve())
            for path in _indexes(folder):
                name = path.resolve().name
                if not NAME.fullmatch(name):
                    raise ConfigError(
                        f"{path}: an index is served under the name of its folder, which must be "
                        "of a-z, 0-9, - and _; rename the folder."
                    )
                if name in self._served:
                    raise ConfigError(
                        f"{path} and {self._served[name].path} have one name; serve one of them."
                    )
                self._served[name] = ServedIndex(path, settings)

        self.state_folder = [*self.roots, *given][0] / ".service"

    @property
    def names(self) -> list[str]:
        """The names of all indexes, in order."""
        return sorted(self._served)

    def add(self, name: str, path: Path) -> None:
        """Serve one more index."""
        self._served[name] = ServedIndex(path, self._settings)

    def remove(self, name: str) -> None:
        """Serve an index no more; searches that hold a snapshot of it go on."""
        self._served.pop(name, None)

    def __getitem__(self, name: str) -> ServedIndex:
        """Return an index.

        Raises:
            Problem: there is none of this name.
        """
        served = self._served.get(name)
        if served is None:
            raise Problem(
                404,
                "index-not-found",
                f"There is no index {name[:64]!r} here; GET /v1/indexes lists those that are.",
            )
        return served


def _indexes(folder: Path) -> list[Path]:
    if is_index(folder):
        return [folder]
    # A link may lead anywhere, so whoever wants to serve what it leads to names it.
    entries = (
        [one for one in folder.iterdir() if one.name[0] != "."] if folder.is_dir() else [folder]
    )
    found = sorted(one for one in entries if is_index(one) and not one.is_symlink())
    if entries and not found:
        raise IndexNotFoundError(
            f"{folder} is no index and holds none; make one with lsr index CORPUS --index {folder}."
        )
    return found
