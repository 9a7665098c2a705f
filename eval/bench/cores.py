"""On which cores does a measurement run? Every thread of the process is bound, old ones too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def one_core() -> Iterator[bool]:
    """Bind the process to one core where the system can, and say whether it could.

    Threads that compiled code started earlier keep their own cores unless they are bound one by
    one; those started inside the block inherit the one core.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield False
        return
    allowed = os.sched_getaffinity(0)
    _bind(threads_of_this_process(), {max(allowed)})
    try:
        yield True
    finally:
        _bind(threads_of_this_process(), allowed)


def threads_of_this_process() -> list[int]:
    """Return the threads that the system knows, or 0 for the calling one."""
    tasks = Path("/proc/self/task")
    return [int(task.name) for task in tasks.iterdir()] if tasks.is_dir() else [0]


def _bind(threads: list[int], cores: set[int]) -> None:
    for thread in threads:
        try:
            os.sched_setaffinity(thread, cores)
        except ProcessLookupError:
            continue  # it ended meanwhile
