"""What do all contestants have in common? They open one model, and turn texts into vectors."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from lsr.encoders import Precision
from lsr.sparse import SparseBatch

PEER_BATCH_SIZE = 8
"""Texts that a peer computes at once. All logits of a batch are in its memory, 290 MB for 8 texts
of 300 tokens; with 32, the default of sentence-transformers, no peer encodes passages faster."""

Encode = Callable[[Sequence[str]], Any]


@dataclass(frozen=True, slots=True)
class Task:
    """What every contestant is given.

    Attributes:
        folder: of the model.
        max_length: tokens of a text that are read, special tokens included.
        n_cores: cores that the process is bound to, and so threads to use.
        scratch: folder for files that are made of the model; it goes after the benchmark.
    """

    folder: Path
    max_length: int
    n_cores: int
    scratch: Path


@dataclass(frozen=True, slots=True)
class Opened:
    """A model that is ready to encode.

    Attributes:
        documents: encodes texts, in the form that the library gives vectors in.
        queries: the same for queries.
        as_batch: turns what they return into a batch, off the clock.
    """

    documents: Encode
    queries: Encode
    as_batch: Callable[[Any], SparseBatch]


class Contestant(Protocol):
    """One library in one number format.

    Attributes:
        library: what a user names it by.
        packages: distributions that its speed depends on.
    """

    library: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]

    @property
    def name(self) -> str:
        """Library and number format, as printed."""

    def why_missing(self) -> str | None:
        """Say why it cannot run here, or return None if it can."""

    def open(self, task: Task) -> Opened:
        """Load the model."""


def is_installed(module: str) -> bool:
    """Say whether a module can be found, without an error where its parent cannot."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def why_not_installed(package: str, module: str, requirement: str = "lsr-engine[bench]") -> str:
    """Say how to install a package whose module cannot be found; empty if it can."""
    if is_installed(module):
        return ""
    return f'{package} is not installed: pip install "{requirement}"'


def why_no_torch() -> str:
    """Say how to install torch and transformers; empty if they are there."""
    extra = "lsr-engine[encode]"
    return why_not_installed("torch", "torch", extra) or why_not_installed(
        "transformers", "transformers", extra
    )


def why_too_slow(precision: Precision) -> str:
    """Say that a number format is emulated here, many times slower; empty if it is not."""
    if precision is Precision.BFLOAT16 and Precision.AUTO.resolved() is not precision:
        return "this CPU has no instructions for bfloat16"
    return ""
