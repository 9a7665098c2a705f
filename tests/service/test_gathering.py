"""Requests that gathered are answered together, in order, in time, and not without bound."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from lsr.service.gathering import Deliver, Gatherer, Waiting, stops_of
from lsr.service.problems import Problem

Batch = Sequence[Waiting[int, int]]


class Work:
    """Doubles numbers, once the gate is open, and remembers what it was given."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.begun = threading.Event()
        self.batches: list[tuple[Any, list[int]]] = []

    def __call__(self, kind: Any, together: Batch, deliver: Deliver[int, int]) -> None:
        self.batches.append((kind, [one.payload for one in together]))
        self.begun.set()
        assert self.gate.wait(10)
        for one in together:
            if one.payload < 0:
                deliver(one, ValueError(str(one.payload)))
            else:
                deliver(one, 2 * one.payload)


def run(
    work: Callable[..., None],
    scene: Callable[[Gatherer[int, int]], Coroutine[Any, Any, None]],
    **limits: int,
) -> None:
    limits = {"n_workers": 1, "most_waiting": 100, "most_together": 100} | limits
    gatherer: Gatherer[int, int] = Gatherer("test", work, **limits)
    asyncio.run(scene(gatherer))
    gatherer.close()


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never came to pass")


def test_what_gathers_while_the_worker_is_busy_is_answered_together() -> None:
    work = Work()

    async def scene(gatherer: Gatherer[int, int]) -> None:
        first = asyncio.ensure_future(gatherer.ask("a", 1, 10))
        await until(work.begun.is_set)
        others = [
            asyncio.ensure_future(gatherer.ask(kind, n, 10))
            for n, kind in enumerate("aabab", start=2)
        ]
        await until(lambda: gatherer.n_waiting == 5)
        work.gate.set()
        assert await asyncio.gather(first, *others) == [2, 4, 6, 8, 10, 12]

    run(work, scene)
    assert work.batches == [("a", [1]), ("a", [2, 3, 5]), ("b", [4, 6])]


def test_a_kind_that_is_asked_for_much_lets_others_in_between() -> None:
    work = Work()

    async def scene(gatherer: Gatherer[int, int]) -> None:
        asked = [asyncio.ensure_future(gatherer.ask("a", 0, 10))]
        await until(work.begun.is_set)
        asked += [asyncio.ensure_future(gatherer.ask("aaab"[n], n, 10)) for n in range(4)]
        await until(lambda: gatherer.n_waiting == 4)
        work.gate.set()
        await asyncio.gather(*asked)

    run(work, scene, most_together=2)
    assert work.batches == [("a", [0]), ("a", [0, 1]), ("b", [3]), ("a", [2])]


def test_the_error_of_one_is_not_that_of_the_others() -> None:
    work = Work()
    work.gate.set()

    async def scene(gatherer: Gatherer[int, int]) -> None:
        good, bad = await asyncio.gather(
            gatherer.ask("a", 1, 10), gatherer.ask("a", -1, 10), return_exceptions=True
        )
        assert good == 2
        assert isinstance(bad, ValueError)

    run(work, scene)


def test_a_failure_of_the_work_reaches_everybody_and_the_worker_goes_on() -> None:
    def work(kind: Any, together: Batch, deliver: Deliver[int, int]) -> None:
        if kind == "bad":
            raise ValueError("no")
        for one in together:
            deliver(one, one.payload)

    async def scene(gatherer: Gatherer[int, int]) -> None:
        found = await asyncio.gather(
            *(gatherer.ask("bad", n, 10) for n in range(3)), return_exceptions=True
        )
        assert all(isinstance(one, ValueError) for one in found)
        assert await gatherer.ask("good", 7, 10) == 7

    run(work, scene)


def test_a_full_queue_refuses() -> None:
    work = Work()

    async def scene(gatherer: Gatherer[int, int]) -> None:
        asked = [asyncio.ensure_future(gatherer.ask("a", 1, 10))]
        await until(work.begun.is_set)
        asked += [asyncio.ensure_future(gatherer.ask("a", n, 10)) for n in (2, 3)]
        await until(lambda: gatherer.n_waiting == 2)
        with pytest.raises(Problem) as refused:
            await gatherer.ask("a", 4, 10)
        assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "1"})
        work.gate.set()
        assert await asyncio.gather(*asked) == [2, 4, 6]
        assert await gatherer.ask("a", 5, 10) == 10

    run(work, scene, most_waiting=2)


def test_time_runs_out_in_the_queue_and_at_work() -> None:
    work = Work()

    async def scene(gatherer: Gatherer[int, int]) -> None:
        found = await asyncio.gather(
            gatherer.ask("a", 1, 0.05), gatherer.ask("b", 2, 0.05), return_exceptions=True
        )
        assert [one.status for one in found if isinstance(one, Problem)] == [504, 504]
        work.gate.set()
        assert await gatherer.ask("a", 3, 10) == 6

    run(work, scene)
    assert ("b", [2]) not in work.batches  # nobody waited for it any more


def test_work_is_stopped_when_nobody_waits() -> None:
    gate, stopped = threading.Event(), threading.Event()

    def work(kind: Any, together: Batch, deliver: Deliver[int, int]) -> None:
        if kind == "gate":
            assert gate.wait(10)
        else:
            stops = stops_of(together)
            while not stops[1]:
                stopped.wait(0.001)
            assert not stops[0]
            stopped.set()
        for one in together:
            deliver(one, one.payload)

    async def scene(gatherer: Gatherer[int, int]) -> None:
        first = asyncio.ensure_future(gatherer.ask("gate", 0, 10))
        await asyncio.sleep(0)
        await until(lambda: gatherer.n_waiting == 0)
        blocked = asyncio.ensure_future(gatherer.ask("a", 1, 10))
        gone = asyncio.ensure_future(gatherer.ask("a", 2, 10))
        await until(lambda: gatherer.n_waiting == 2)
        gate.set()
        await until(lambda: gatherer.n_waiting == 0)
        assert not stopped.is_set()
        gone.cancel()
        assert await first == 0
        assert await blocked == 1

    run(work, scene)
    assert stopped.is_set()


def test_closing_answers_what_waits_and_refuses_what_comes() -> None:
    work = Work()

    async def scene(gatherer: Gatherer[int, int]) -> None:
        asked = asyncio.ensure_future(gatherer.ask("a", 1, 10))
        await until(work.begun.is_set)
        closing = asyncio.ensure_future(asyncio.to_thread(gatherer.close))
        late: list[Problem] = []

        async def is_refused() -> bool:
            try:
                await gatherer.ask("a", 2, 0.01)
            except Problem as problem:
                late.append(problem)
            return late[-1].status == 503

        while not await is_refused():
            pass
        work.gate.set()
        assert await asked == 2
        await closing

    run(work, scene)
