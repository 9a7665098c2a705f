"""Disks that count what is done to them, fail at it, or take the process down with them."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from lsr.index import storage
from lsr.index.storage import Content, Disk


class WatchedDisk(Disk):
    """Tells `before` of each operation, with its number from 0, before it is done."""

    def __init__(self) -> None:
        self.n_operations = 0

    def before(self, number: int, operation: str, path: Path) -> None:
        """Look at an operation, or raise."""

    def write_before(self, number: int, file: FileIO, content: Content) -> None:
        """Look at a write, or do a part of it and raise."""
        self.before(number, "write", Path(str(file.name)))

    def _step(self, operation: str, path: Path) -> None:
        self.n_operations += 1
        self.before(self.n_operations - 1, operation, path)

    def create(self, path: Path) -> FileIO:
        self._step("create", path)
        return super().create(path)

    def write(self, file: FileIO, content: Content) -> None:
        self.n_operations += 1
        self.write_before(self.n_operations - 1, file, content)
        super().write(file, content)

    def sync(self, file: FileIO) -> None:
        self._step("sync", Path(str(file.name)))
        super().sync(file)

    def sync_folder(self, path: Path) -> None:
        self._step("sync_folder", path)
        super().sync_folder(path)

    def rename(self, old: Path, new: Path) -> None:
        self._step("rename", new)
        super().rename(old, new)

    def link(self, old: Path, new: Path) -> None:
        self._step("link", new)
        super().link(old, new)

    def unlink(self, path: Path) -> None:
        self._step("unlink", path)
        super().unlink(path)

    def make_folder(self, path: Path) -> None:
        self._step("make_folder", path)
        super().make_folder(path)

    def remove_folder(self, path: Path) -> None:
        self._step("remove_folder", path)
        super().remove_folder(path)


class CountingDisk(WatchedDisk):
    """Remembers which operations there were."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[str] = []

    def before(self, number: int, operation: str, path: Path) -> None:
        self.operations.append(operation)


class KillingDisk(WatchedDisk):
    """Kills the process before one operation.

    Args:
        at: number of the operation.
        is_torn: do half of it first, if it is a write.
    """

    def __init__(self, at: int, *, is_torn: bool = False) -> None:
        super().__init__()
        self._at = at
        self._is_torn = is_torn

    def before(self, number: int, operation: str, path: Path) -> None:
        if number == self._at:
            os.kill(os.getpid(), signal.SIGKILL)

    def write_before(self, number: int, file: FileIO, content: Content) -> None:
        if number == self._at and self._is_torn:
            Disk.write(self, file, memoryview(content)[: len(content) // 2])
        self.before(number, "write", Path(str(file.name)))


class FailingDisk(WatchedDisk):
    """Fails one operation of a kind, or all from there on, as the operating system would.

    Args:
        at: number of the operation among those of its kind.
        operations: the kind.
        error: number of the error.
        is_lasting: whether later ones fail too.
    """

    def __init__(self, at: int, operations: frozenset[str], error: int, is_lasting: bool) -> None:
        super().__init__()
        self._at = at
        self._operations = operations
        self.error = error
        self._is_lasting = is_lasting
        self._n_matching = 0
        self.failed: list[Path] = []

    def before(self, number: int, operation: str, path: Path) -> None:
        if operation not in self._operations:
            return
        self._n_matching += 1
        place = self._n_matching - 1
        if place == self._at or (self._is_lasting and place > self._at):
            self.failed.append(path)
            raise OSError(self.error, os.strerror(self.error))


@contextmanager
def disk_replaced(disk: Disk) -> Iterator[None]:
    """Let the index write to another disk inside the block."""
    before = storage.disk
    storage.disk = disk
    try:
        yield
    finally:
        storage.disk = before
