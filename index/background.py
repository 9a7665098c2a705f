"""How does the second core help? It runs pure work in order, and the caller takes the results.

Compressing and inverting release Python's lock, so one thread beside the caller's is enough. Only
results come back: whatever touches the disk does so on the caller's thread, in the caller's order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any


class Background:
    """A thread for jobs whose results are used in the order in which the jobs came.

    Args:
        limit_bytes: memory that waiting jobs may hold, by their own account; one may always wait.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="lsr-index")
        self._waiting: deque[tuple[Future[Any], Callable[[Any], None], int]] = deque()
        self._limit_bytes = limit_bytes
        self._size_bytes = 0

    def run(self, job: Callable[[], Any], use: Callable[[Any], None], size_bytes: int = 0) -> None:
        """Run `job` on the thread, and `use` its result here, at some later call."""
        while self._waiting and (
            self._waiting[0][0].done() or self._size_bytes + size_bytes > self._limit_bytes
        ):
            self._use_next()
        self._waiting.append((self._pool.submit(job), use, size_bytes))
        self._size_bytes += size_bytes

    def finish(self) -> None:
        """Use the results of all jobs."""
        while self._waiting:
            self._use_next()

    def drop(self) -> None:
        """Forget the jobs whose results were not used."""
        futures = [future for future, _, _ in self._waiting]
        self._waiting.clear()
        self._size_bytes = 0
        for future in futures:
            future.cancel()
        wait(futures)

    def close(self) -> None:
        """Forget the jobs whose results were not used, and end the thread."""
        self.drop()
        self._pool.shutdown()

    def _use_next(self) -> None:
        future, use, size_bytes = self._waiting.popleft()
        self._size_bytes -= size_bytes
        use(future.result())
