"""Other work than searches waits its turn as they do; the first client finds kernels loaded."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lsr.index import WeightType
from lsr.retrieval import Index
from lsr.service import warming
from lsr.service.metrics import Metrics
from lsr.service.problems import Problem
from lsr.service.searching import Searching
from lsr.service.settings import Settings
from serving import Serve


@pytest.fixture
def searching() -> Iterator[Searching]:
    searching = Searching(Settings(max_waiting=2, timeout_ms=60_000), Metrics())
    yield searching
    searching.close()


def test_other_work_is_bounded_and_counted(searching: Searching) -> None:
    may_end, began = threading.Event(), threading.Event()

    def work() -> dict[str, Any]:
        began.set()
        may_end.wait(30)
        return {}

    async def scene() -> list[Any]:
        first = asyncio.create_task(searching.run(work))
        await asyncio.to_thread(began.wait, 30)
        others = [asyncio.create_task(searching.run(work)) for _ in range(3)]
        await asyncio.wait(others, return_when=asyncio.FIRST_COMPLETED)
        may_end.set()
        return await asyncio.gather(first, *others, return_exceptions=True)

    found = asyncio.run(scene())

    assert found[:3] == [{}, {}, {}]
    assert isinstance(found[3], Problem)
    assert (found[3].status, found[3].headers) == (429, {"Retry-After": "1"})
    assert b'lsr_shed_requests_total{why="too-busy"} 1.0' in searching._metrics.text()


def test_a_problem_of_the_work_is_no_shed(searching: Searching) -> None:
    def work() -> dict[str, Any]:
        raise Problem(404, "not-there", "It is not there.")

    with pytest.raises(Problem, match="not there"):
        asyncio.run(searching.run(work))

    assert b"lsr_shed_requests_total{" not in searching._metrics.text()


def test_a_service_without_indexes_has_used_some_of_each_kind(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[WeightType] = []
    ask = warming._ask

    def note(index: Index) -> None:
        ask(index)
        asked.append(index.searcher.manifest.weights)

    monkeypatch.setattr(warming, "_ask", note)

    client = serve(tmp_path)

    assert asked == list(WeightType)
    assert client.get("/readyz").json() == {"status": "ok", "commits": {}, "quarantined": []}
