"""What may a disk hold after the power has failed? What was synced, and any part of the rest.

Operations on names (create, rename, link, unlink) are whole, each on its own, as file systems with
a journal keep them; they are sure to last once their folder is synced. Bytes last once their file
is synced; until then they may be there, be zeros, or be missing from some sector on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

import numpy as np

from lsr.index.storage import Content, Disk

SECTOR = 512
SURVIVALS = ("nothing", "everything", "zeros", *["some"] * 6)
"""What is left of that which was not synced; "zeros" keeps names and lengths, but no bytes."""

Names = dict[str, "File | Folder"]
Tree = dict[str, bytes | None]
"""Content of each file by its path; None for a folder."""


@dataclass(eq=False)
class File:
    """Bytes as programs see them, and as the disk is sure to have them."""

    content: bytes = b""
    synced: bytes = b""


@dataclass(eq=False)
class Folder:
    """Names as programs see them, as the disk is sure to have them, and the changes since."""

    names: Names = field(default_factory=dict)
    synced: Names = field(default_factory=dict)
    pending: list[Callable[[Names], object]] = field(default_factory=list)

    def change(self, operation: Callable[[Names], object]) -> None:
        """Change names: for programs at once, on the disk some day."""
        operation(self.names)
        self.pending.append(operation)

    def sync(self) -> None:
        """Make the names durable."""
        self.synced = dict(self.names)
        self.pending.clear()


class UnpluggedDisk(Disk):
    """Collects what the disk might hold had the power failed after each operation.

    Args:
        root: the folder under which all happens; what is there already is durable.
        rng: the dice.
    """

    def __init__(self, root: Path, rng: np.random.Generator) -> None:
        self._rng = rng
        self._root = root
        self._is_acknowledged = False
        self._folders: dict[Path, Folder] = {root: Folder()}
        for path in sorted(root.rglob("*")):
            if path.is_dir():
                self._add_folder(path)
            else:
                content = path.read_bytes()
                self._folders[path.parent].names[path.name] = File(content, content)
        for folder in self._folders.values():
            folder.sync()
        self.states: list[tuple[Tree, bool]] = []

    def acknowledge(self) -> None:
        """Say that the commit has to survive from here on."""
        self._is_acknowledged = True
        self._collect()

    def create(self, path: Path) -> FileIO:
        opened = super().create(path)
        file = File()
        self._change(path, lambda names: names.update({path.name: file}))
        return opened

    def write(self, file: FileIO, content: Content) -> None:
        super().write(file, content)
        self._file(file).content += bytes(content)
        self._collect()

    def sync(self, file: FileIO) -> None:
        super().sync(file)
        self._file(file).synced = self._file(file).content
        self._collect()

    def sync_folder(self, path: Path) -> None:
        super().sync_folder(path)
        # The folders above the root are durable.
        if path in self._folders:
            self._folders[path].sync()
            self._collect()

    def rename(self, old: Path, new: Path) -> None:
        super().rename(old, new)
        file = self._folders[old.parent].names[old.name]
        self._change(new, lambda names: (names.pop(old.name, None), names.update({new.name: file})))

    def link(self, old: Path, new: Path) -> None:
        super().link(old, new)
        file = self._folders[old.parent].names[old.name]
        self._change(new, lambda names: names.update({new.name: file}))

    def unlink(self, path: Path) -> None:
        super().unlink(path)
        self._change(path, lambda names: names.pop(path.name, None))

    def make_folder(self, path: Path) -> None:
        super().make_folder(path)
        self._add_folder(path)
        self._collect()

    def remove_folder(self, path: Path) -> None:
        super().remove_folder(path)
        self._change(path, lambda names: names.pop(path.name, None))

    def _add_folder(self, path: Path) -> None:
        folder = Folder()
        self._folders[path] = folder
        self._folders[path.parent].change(lambda names: names.update({path.name: folder}))

    def _change(self, path: Path, operation: Callable[[Names], object]) -> None:
        self._folders[path.parent].change(operation)
        self._collect()

    def _file(self, opened: FileIO) -> File:
        path = Path(str(opened.name))
        file = self._folders[path.parent].names[path.name]
        assert isinstance(file, File)
        return file

    def _collect(self) -> None:
        for kind in SURVIVALS:
            tree: Tree = {}
            self._survive(kind, self._folders[self._root], "", tree)
            self.states.append((tree, self._is_acknowledged))

    def _survive(self, kind: str, folder: Folder, prefix: str, tree: Tree) -> None:
        names = dict(folder.synced if kind in ("nothing", "some") else folder.names)
        if kind == "some":
            for operation in folder.pending:
                if self._rng.random() < 0.5:
                    operation(names)
        for name, node in names.items():
            if isinstance(node, Folder):
                tree[prefix + name] = None
                self._survive(kind, node, f"{prefix}{name}/", tree)
            else:
                tree[prefix + name] = self._content(kind, node)

    def _content(self, kind: str, file: File) -> bytes:
        n_lost = len(file.content) - len(file.synced)
        if kind == "nothing" or n_lost == 0:
            return file.synced
        if kind == "everything":
            return file.content
        if kind == "zeros":
            return file.synced + bytes(n_lost)
        begin = len(file.synced)
        torn = bytearray(file.content[: begin + int(self._rng.integers(n_lost + 1))])
        for start in range(begin, len(torn), SECTOR):
            if self._rng.random() < 0.3:
                end = min(start + SECTOR, len(torn))
                torn[start:end] = bytes(end - start)
        return bytes(torn)


def write_tree(tree: Tree, folder: Path) -> None:
    """Make a folder that holds a tree."""
    folder.mkdir()
    for name, content in tree.items():
        if content is None:
            (folder / name).mkdir()
        else:
            (folder / name).write_bytes(content)
