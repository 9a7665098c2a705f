"""Which indexes are served, and at which commit? Readers get a snapshot that stays as it is."""

from __future__ import annotations

import logging
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from fastapi.concurrency import run_in_threadpool

from lsr.errors import ConfigError, CorruptIndexError, IndexNotFoundError, LsrError
from lsr.index import Searcher, is_index
from lsr.index.manifest import FILE_NAME
from lsr.retrieval import Index
from lsr.service.problems import Problem
from lsr.service.settings import Settings

logger = logging.getLogger(__name__)

LOOK_S = 0.01
"""How often searches look whether another process has committed; a look lets other threads in."""

_Stamp = tuple[int, int, int]

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
"""What an index may be called: nothing that means something to a file system."""


class ServedIndex:
    """An index and the snapshots of it that readers hold.

    An index that cannot be opened is kept with its fault, and looked at again when its manifest
    changes, so that it does not keep others from being served.

    Args:
        name: what it is called.
        path: its folder.
        settings: how many snapshots to keep, and how long.
        open_index: opens it.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        settings: Settings,
        open_index: Callable[[Path], Index] = Index.open,
    ) -> None:
        self.name = name
        self.path = path
        self.fault: LsrError | None = None
        self._settings = settings
        self._open_index = open_index
        self._lock = Lock()
        self._latest: Index | None = None
        self._stamp: _Stamp | None = None
        self._pinned: OrderedDict[int, tuple[Index, float]] = OrderedDict()
        self._looked = -LOOK_S
        self._open(_stamp(path))

    @property
    def opened(self) -> Index | None:
        """The snapshot that is open, whether or not there is a later commit."""
        return self._latest

    async def snapshot(self, commit: int | None) -> Index:
        """Return the snapshot of a commit, or of the last one; call it in the event loop.

        Raises:
            Problem: it is not kept any more, or the index cannot be opened.
        """
        if commit is None:
            now = time.monotonic()
            if self._latest and now - self._looked < LOOK_S:
                return self._latest
            self._looked = now
            if self._latest and _stamp(self.path) == self._stamp:
                return self._latest
            return await run_in_threadpool(self.latest)
        return await run_in_threadpool(self.at, commit)

    def latest(self) -> Index:
        """Return the last commit, opening it when it is new.

        Raises:
            Problem: the index cannot be opened.
        """
        stamp = _stamp(self.path)
        if self._latest and stamp == self._stamp:
            return self._latest
        with self._lock:
            if stamp != self._stamp or stamp is None:
                self._open(stamp)
                if self.fault:
                    logger.error("The index %r cannot be opened: %s", self.name, self.fault)
        latest = self._latest
        if latest is None:
            raise Problem(
                503,
                "index-quarantined",
                f"The index {self.name!r} is damaged or cannot be opened; the service's log says "
                "where. It is looked at again after its next commit or restore.",
            )
        return latest

    def quarantine(self, error: CorruptIndexError) -> None:
        """Take the index out of service, which was found damaged, until its manifest changes."""
        with self._lock:
            if self._latest:
                logger.error("The index %r is not served any more: %s", self.name, error)
            self.fault = error
            self._latest = None
            self._pinned.clear()

    @contextmanager
    def quarantined_if_damaged(self) -> Iterator[None]:
        """Take the index out of service if what is done meanwhile finds it damaged."""
        try:
            yield
        except CorruptIndexError as error:
            self.quarantine(error)
            raise

    def at(self, commit: int) -> Index:
        """Return the snapshot of a commit.

        Raises:
            Problem: it is not kept any more, or the index cannot be opened.
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

    def _open(self, stamp: _Stamp | None) -> None:
        """Open the last commit, and keep the one before where that fails."""
        before = self._latest
        try:
            latest = before.reopened() if before else self._open_index(self.path)
        except LsrError as error:
            self.fault = error
        else:
            self.fault = None
            if before and before.searcher.manifest.commit != latest.searcher.manifest.commit:
                self._pin(before)
            self._latest = latest
        self._stamp = stamp

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
        open_index: see `ServedIndex`.

    Attributes:
        roots: those of the folders that hold indexes, where more can be made.
        state_folder: where the service keeps what is its own.

    Raises:
        IndexNotFoundError: a folder is no index, holds none, and is not empty.
        ConfigError: two indexes have one name, or a name cannot stand in an address.
    """

    def __init__(
        self,
        folders: Iterable[Path],
        settings: Settings,
        open_index: Callable[[Path], Index] = Index.open,
    ) -> None:
        self._settings = settings
        self._open_index = open_index
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
                self._served[name] = ServedIndex(name, path.resolve(), settings, open_index)

        self.state_folder = [*self.roots, *(one.resolve() for one in given)][0] / ".service"

    def __iter__(self) -> Iterator[ServedIndex]:
        """Yield the indexes by name."""
        return (self._served[name] for name in self.names)

    @property
    def names(self) -> list[str]:
        """The names of all indexes, in order."""
        return sorted(self._served)

    @property
    def places(self) -> dict[Path, str]:
        """What is said in the place of the paths of indexes, and of the folders around them."""
        folders = dict.fromkeys(self.roots, "the folder of the indexes")
        return {**folders, **{served.path: f"the index {served.name!r}" for served in self}}

    def searchers(self) -> dict[str, Searcher]:
        """Return the open snapshot of every index that could be opened."""
        return {served.name: served.opened.searcher for served in self if served.opened}

    def add(self, name: str, path: Path) -> None:
        """Serve one more index."""
        self._served[name] = ServedIndex(name, path, self._settings, self._open_index)

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


def _stamp(path: Path) -> _Stamp | None:
    """Return what changes with every commit, without reading anything."""
    try:
        found = (path / FILE_NAME).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


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
