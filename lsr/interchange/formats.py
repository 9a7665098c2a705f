"""What does a format consist of? What its tool can hold, and functions that write its files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lsr.interchange.source import Source
from lsr.interchange.values import Holds
from lsr.sparse import SparseBatch


@dataclass(frozen=True, slots=True)
class NamedQueries:
    """Queries in the vocabulary of an index.

    Attributes:
        query_ids: in file order.
        vectors: one row each.
        integers: shape (nnz,), the weights as whole numbers; None for a format that takes
            fractions.
    """

    query_ids: Sequence[str]
    vectors: SparseBatch
    integers: NDArray[np.int64] | None


def any_term(name: str) -> None:
    """Find nothing wrong with a term's name."""


def term_of_a_word(name: str) -> str | None:
    """Say what keeps a name from being one word of a text."""
    if not name or any(letter.isspace() for letter in name):
        return "it is empty or holds white space, which ends a word there"
    return None


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """A format to export to.

    Attributes:
        name: as the user names it.
        tool: who reads it, in messages.
        holds: numbers that the tool can hold.
        write: writes the documents into a folder.
        term_problem: says what is wrong with a term's name.
        write_queries: writes queries into the folder; None where the tool takes none from a file.
        whole_queries: whether their weights must be whole numbers.
    """

    name: str
    tool: str
    holds: Holds
    write: Callable[[Source, Path], None]
    term_problem: Callable[[str], str | None] = any_term
    write_queries: Callable[[Source, NamedQueries, Path], None] | None = None
    whole_queries: bool = False
