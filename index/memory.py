"""How much memory may a build take? Shares of one figure, for everything that grows with the input.

The figure covers the program without an encoder, rows that wait for their range to fill, ranges and
texts that wait for the disk, and what is kept of every document until its segment is closed. It
does not cover an encoder, nor the pages of mapped files, which the operating system takes back when
it needs them.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lsr.errors import ConfigError

PROGRAM_BYTES = 240_000_000
"""What Python, Arrow and Numba take before the first document, and Arrow's spare memory."""

LEAST_BYTES = 320_000_000
"""Leaves some for ranges; the less there is, the more and the smaller segments are written."""

_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryBudget:
    """The memory of a writer, in bytes.

    Attributes:
        rows: of one range; two ranges are held at a time, and the postings made of one.
        waiting: of texts that wait to be compressed.
        kept: of what is kept of all documents of a segment; closing it takes as much again.
    """

    rows: int
    waiting: int
    kept: int

    @staticmethod
    def of(total_bytes: int) -> MemoryBudget:
        """Share out a figure.

        Raises:
            ConfigError: it is too small to build anything with.
        """
        if total_bytes < LEAST_BYTES:
            raise ConfigError(
                f"A memory of {total_bytes:,} bytes is too small to write an index; allow at least "
                f"{LEAST_BYTES:,}."
            )
        return MemoryBudget(rows=total_bytes // 8, waiting=total_bytes // 16, kept=total_bytes // 8)

    @staticmethod
    def default() -> MemoryBudget:
        """Share out a quarter of the memory that this process may have."""
        physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        limit = physical
        with suppress(OSError, ValueError):  # no such limit, or "max"
            limit = int(_CGROUP_LIMIT.read_text())
        return MemoryBudget.of(max(LEAST_BYTES, min(physical, limit) // 4))
