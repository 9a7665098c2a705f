"""On which cores does a measurement run? Every thread of the process is bound, old ones too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path


def one_core() -> AbstractContextManager[bool]:
    """Bind the process to one core where the system can, and say whether it could."""
    return some_cores(1)


@contextmanager
def some_cores(n_cores: int) -> Iterator[bool]:
    """Bind the process to so many cores where the system can, and say whether it could.

    Threads that compiled code started earlier keep their own cores unless they are bound one by
    one; those started inside the block inherit the cores.
    """
    if not can_bind():
        yield False
        return
    allowed = os.sched_getaffinity(0)
    _bind(threads_of_this_process(), set(sorted(allowed)[-n_cores:]))
    try:
        yield True
    finally:
        _bind(threads_of_this_process(), allowed)


def can_bind() -> bool:
    """Say whether the system binds processes to cores."""
    return hasattr(os, "sched_setaffinity")


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
