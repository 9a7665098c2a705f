"""What do all engines have in common? They build an index once, and answer in several ways."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from lsr.sparse import SparseBatch

Hits = list[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to answer queries from an index: an algorithm, or settings.

    Attributes:
        name: engine and settings, as printed.
        exact: whether the best documents are all found, whatever the query.
        search: takes one prepared query and k; returns the best, as (document number, score).
        search_all: takes all prepared queries, k and a number of threads; None where the engine
            does not offer it.
    """

    name: str
    exact: bool
    search: Callable[[Any, int], Hits]
    search_all: Callable[[Any, int, int], object] | None = None


class Engine(Protocol):
    """Builds an index in one process and answers from it in another.

    Attributes:
        package: distribution that it comes from.
    """

    package: ClassVar[str]

    @property
    def about(self) -> str:
        """What a reader of the figures must know of it; empty if nothing."""

    def why_missing(self) -> str | None:
        """Say why the engine cannot run here, or return None if it can."""

    def build(self, vectors: SparseBatch, folder: Path) -> None:
        """Index integer weights from 1 to 255 below `folder`."""

    def files(self, folder: Path) -> Iterable[Path]:
        """Return the files of a built index that search reads."""

    def open(self, folder: Path) -> Sequence[Variant]:
        """Make a built index ready and return the ways to search it."""

    def prepare(self, queries: SparseBatch) -> Any:
        """Return queries of integer weights in the form that variants take, off the clock."""


def all_files(folder: Path) -> list[Path]:
    """Return every file below a folder."""
    return [path for path in folder.rglob("*") if path.is_file()]


def why_not_installed(package: str, module: str) -> str | None:
    """Say how to install a package whose module cannot be found, or return None."""
    if importlib.util.find_spec(module):
        return None
    return f'{package} is not installed: pip install "lsr-engine[bench]"'


def named_weights(terms: NDArray[np.uint32], weights: NDArray[np.float32]) -> dict[str, float]:
    """Return a vector as most engines take it."""
    return dict(zip(map(str, terms.tolist()), weights.tolist(), strict=True))
