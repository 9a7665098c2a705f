"""Who changes an index, when several want to? One after another, on a thread of the index."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event, Lock
from typing import TypeVar

from lsr.service.problems import Problem

Result = TypeVar("Result")

RETRY_SECONDS = 5


class Stopping(Exception):
    """The service ends, and what it has not begun is left for the next start."""


class Place:
    """A place in the queue of an index; it is taken until its work is done or it is left."""

    def __init__(self, executor: ThreadPoolExecutor, leave: Callable[[], None]) -> None:
        self._executor = executor
        self._leave = leave

    def run(self, work: Callable[[], Result]) -> Future[Result]:
        """Have the work done after that of those who came before.

        Raises:
            Stopping: the service ends.
        """
        try:
            future = self._executor.submit(work)
        except RuntimeError:
            self.leave()
            raise Stopping from None
        future.add_done_callback(lambda _: self.leave())
        return future

    def leave(self) -> None:
        """Give the place back."""
        self._leave()


class WriteLanes:
    """A thread for each index that is changed, and a queue before it.

    Args:
        limit: most places in each queue, that of the work being done included.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = Lock()
        self._executors: dict[str, ThreadPoolExecutor] = {}
        self._taken: dict[str, int] = {}
        self.stopping = Event()

    def reserve(self, name: str, *, even_when_full: bool = False) -> Place:
        """Take a place in the queue of an index.

        Args:
            name: of the index.
            even_when_full: for what was promised before.

        Raises:
            Problem: there is none.
        """
        with self._lock:
            if self._taken.get(name, 0) >= self._limit and not even_when_full:
                raise Problem(
                    429,
                    "too-many-writes",
                    f"{self._limit} changes of the index wait already; send this one again later.",
                    headers={"Retry-After": str(RETRY_SECONDS)},
                )
            if name not in self._executors:
                self._executors[name] = ThreadPoolExecutor(1, thread_name_prefix="lsr-write")
            self._taken[name] = self._taken.get(name, 0) + 1
            return Place(self._executors[name], lambda: self._leave(name))

    def waiting(self) -> dict[str, int]:
        """Return how many places are taken, by the name of the index."""
        with self._lock:
            return {name: taken for name, taken in self._taken.items() if taken}

    def stop(self) -> None:
        """Begin nothing more; what is being done sees `stopping` and ends soon."""
        self.stopping.set()
        with self._lock:
            executors = list(self._executors.values())
        for executor in executors:
            # Work that is cancelled gives its place back, for which it needs the lock.
            executor.shutdown(wait=False, cancel_futures=True)

    def join(self) -> None:
        """Wait for what is being done when the service stops."""
        for executor in self._executors.values():
            executor.shutdown()

    def wait_until_empty(self) -> None:
        """Return when all that was waiting is done."""
        with self._lock:
            ends = [executor.submit(lambda: None) for executor in self._executors.values()]
        for end in ends:
            end.result()

    def _leave(self, name: str) -> None:
        with self._lock:
            self._taken[name] -= 1
