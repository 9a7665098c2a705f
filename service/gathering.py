"""How are concurrent requests answered together? A worker takes all that gathered while it worked.

Nobody waits for company: a request that finds a worker idle is answered alone and at once. Under
load, requests gather by themselves, and the more there are, the less each costs.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from lsr.service.problems import Problem

Payload = TypeVar("Payload")
Answer = TypeVar("Answer")

DELIVER_S = 0.002
"""Answers are handed over in lots, but none waits longer than this for the rest of its lot."""


class Shed(Problem):
    """A request found no room, or no time."""


class Waiting(Generic[Payload, Answer]):
    """A request in the queue.

    Attributes:
        payload: what is asked.
        future: gets the answer.
        entered: when it came, by `time.perf_counter`.
        is_abandoned: whether nobody wants the answer any more.
    """

    __slots__ = ("_stop", "entered", "future", "is_abandoned", "payload")

    def __init__(self, payload: Payload, future: asyncio.Future[Answer]) -> None:
        self.payload = payload
        self.future = future
        self.entered = time.perf_counter()
        self.is_abandoned = False
        self._stop: NDArray[np.uint8] | None = None

    def abandon(self) -> None:
        """Stop the work on the request, wherever it is."""
        self.is_abandoned = True
        if self._stop is not None:
            self._stop[0] = 1

    def stop_by(self, stop: NDArray[np.uint8]) -> None:
        """Set `stop`, of shape (1,), to 1 as soon as the request is abandoned."""
        self._stop = stop
        if self.is_abandoned:  # meanwhile
            stop[0] = 1


def stops_of(together: Sequence[Waiting[Any, Any]]) -> NDArray[np.uint8]:
    """Return what ends the work on each request, shape (n_requests,); see `Searcher`."""
    stops = np.zeros(len(together), dtype=np.uint8)
    for number, waiting in enumerate(together):
        waiting.stop_by(stops[number : number + 1])
    return stops


Deliver = Callable[[Waiting[Payload, Answer], "Answer | Exception"], None]
Work = Callable[[Any, Sequence[Waiting[Payload, Answer]], Deliver[Payload, Answer]], None]


class Gatherer(Generic[Payload, Answer]):
    """Threads that answer requests, those of one kind together.

    Args:
        name: of the threads.
        work: answers requests of one kind: called with the kind, the requests, and a function
            to deliver the answer to each, or an exception.
        n_workers: threads.
        most_waiting: requests that may wait.
        most_together: requests of a kind that are taken at once.
    """

    def __init__(
        self,
        name: str,
        work: Work[Payload, Answer],
        *,
        n_workers: int,
        most_waiting: int,
        most_together: int,
    ) -> None:
        self._work = work
        self._most_waiting = most_waiting
        self._most_together = most_together
        self._kinds: OrderedDict[Hashable, deque[Waiting[Payload, Answer]]] = OrderedDict()
        self._n_waiting = 0
        self._is_closed = False
        self._condition = threading.Condition()
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True)
            for number in range(n_workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def n_waiting(self) -> int:
        """Requests that no worker has taken."""
        return self._n_waiting

    async def ask(self, kind: Hashable, payload: Payload, timeout_s: float) -> Answer:
        """Return the answer to a request; call it in the event loop.

        Args:
            kind: requests of equal kinds are answered together.
            payload: what is asked.
            timeout_s: how long to wait for the answer.

        Raises:
            Shed: 429 when too many wait, 503 when the service stops, 504 when time is up.
        """
        loop = asyncio.get_running_loop()
        waiting: Waiting[Payload, Answer] = Waiting(payload, loop.create_future())
        timer = loop.call_later(max(0.0, timeout_s), _expire, waiting)
        try:
            self._enter(kind, waiting)
            return await waiting.future
        finally:
            waiting.abandon()
            timer.cancel()

    def close(self) -> None:
        """Answer what waits, take nothing new, and end the threads."""
        with self._condition:
            self._is_closed = True
            self._condition.notify_all()
        for thread in self._threads:
            thread.join(timeout=10)

    def _enter(self, kind: Hashable, waiting: Waiting[Payload, Answer]) -> None:
        with self._condition:
            if self._is_closed:
                raise Shed(503, "stopping", "The service is stopping; ask another one.")
            if self._n_waiting >= self._most_waiting:
                raise Shed(
                    429,
                    "too-busy",
                    f"{self._n_waiting} requests wait already; try again in a second.",
                    headers={"Retry-After": "1"},
                )
            self._n_waiting += 1
            self._kinds.setdefault(kind, deque()).append(waiting)
            self._condition.notify()

    def _run(self) -> None:
        while taken := self._take():
            kind, together = taken
            delivery: _Delivery[Payload, Answer] = _Delivery()
            wanted = [one for one in together if not one.is_abandoned]
            try:
                if wanted:
                    self._work(kind, wanted, delivery)
            except Exception as error:
                for one in wanted:
                    delivery(one, error)
            delivery.flush()

    def _take(self) -> tuple[Any, list[Waiting[Payload, Answer]]] | None:
        """Return the requests of the kind whose turn it is; None at the end."""
        with self._condition:
            while not self._kinds:
                if self._is_closed:
                    return None
                self._condition.wait()
            kind, queue = self._kinds.popitem(last=False)
            together = [queue.popleft() for _ in range(min(len(queue), self._most_together))]
            if queue:
                self._kinds[kind] = queue  # behind the others
                self._condition.notify()
            self._n_waiting -= len(together)
            return kind, together


class _Delivery(Generic[Payload, Answer]):
    """Hands answers over to the event loop, several at once."""

    def __init__(self) -> None:
        self._ready: list[tuple[asyncio.Future[Answer], Answer | Exception]] = []
        self._flushed = time.perf_counter()

    def __call__(self, waiting: Waiting[Payload, Answer], answer: Answer | Exception) -> None:
        self._ready.append((waiting.future, answer))
        if time.perf_counter() - self._flushed > DELIVER_S:
            self.flush()

    def flush(self) -> None:
        """Hand over what is ready."""
        ready, self._ready = self._ready, []
        self._flushed = time.perf_counter()
        if ready:
            # A closed loop has nobody left to hear.
            with suppress(RuntimeError):
                ready[0][0].get_loop().call_soon_threadsafe(_settle, ready)


def _settle(ready: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, answer in ready:
        if future.done():
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)


def _expire(waiting: Waiting[Any, Any]) -> None:
    waiting.abandon()
    if not waiting.future.done():
        waiting.future.set_exception(
            Shed(
                504,
                "timeout",
                "This took longer than it may; ask for less, or allow more with 'timeout_ms'.",
            )
        )
