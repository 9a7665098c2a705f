"""Every answer has an id and guards itself; the log says how each request went, and no secrets."""

import asyncio
import gc
import io
import json
import weakref
from pathlib import Path
from typing import Any

import pytest
from fastapi import Request

from lsr.service.departures import WhileConnected
from lsr.service.log import RequestLog
from lsr.service.places import Places
from lsr.service.problems import Problem, ProblemAnswers
from lsr.service.searching import Searching
from lsr.service.slow_bodies import BodyDeadline
from serving import Serve


@pytest.mark.parametrize("path", ["/livez", "/nothing", "/v1/indexes/none", "/openapi.json"])
def test_every_answer_is_named_and_guarded(path: str, folder: Path, serve: Serve) -> None:
    answer = serve(folder).get(path)

    assert len(answer.headers["x-request-id"]) == 16
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("given", "is_kept"), [("run-7.a", True), ("a b", False), ("x" * 65, False)]
)
def test_a_sane_request_id_is_taken_over(
    given: str, is_kept: bool, folder: Path, serve: Serve
) -> None:
    answer = serve(folder).get("/nothing", headers={"X-Request-ID": given})

    assert (answer.headers["x-request-id"] == given) is is_kept
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_what_nobody_foresaw_is_a_problem(
    method: str, folder: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serve(folder)
    monkeypatch.setattr(Searching, "begin", lambda *_: 1 / 0)

    answer = client.request(
        method,
        "/v1/indexes/things/search",
        params={"q": "a"} if method == "GET" else {},
        json={"vector": {"t": 1}} if method == "POST" else None,
    )

    assert (answer.status_code, answer.json()["code"]) == (500, "internal-error")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert "division" not in answer.text


def test_an_answer_that_breaks_off_is_not_answered_twice() -> None:
    sent: list[dict[str, Any]] = []

    async def breaks_off(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})
        raise Problem(503, "too-late", "This comes too late.")

    async def send(message: Any) -> None:
        sent.append(message)

    answers = ProblemAnswers(breaks_off, Places(dict).problem_of)
    with pytest.raises(Problem):
        asyncio.run(answers({"type": "http", "path": "/"}, send, send))  # type: ignore[arg-type]

    assert [message["type"] for message in sent] == ["http.response.start"]


def test_a_client_that_is_cut_off_is_forgotten_without_the_collector_of_garbage() -> None:
    class Trickling:
        async def __call__(self) -> Any:
            await asyncio.Event().wait()

    async def reads(scope: Any, receive: Any, send: Any) -> None:
        await receive()

    async def send(message: Any) -> None:
        sent.append(message)

    sent: list[dict[str, Any]] = []
    deadline = BodyDeadline(reads, patience_s=0.01, bytes_per_s=1.0)
    answers = ProblemAnswers(deadline, Places(dict).problem_of)
    client = Trickling()
    forgotten = weakref.ref(client)
    scope = {"type": "http", "path": "/", "headers": [(b"content-length", b"9")]}

    gc.disable()
    try:
        asyncio.run(answers(scope, client, send))
        del client
        assert forgotten() is None
    finally:
        gc.enable()
    assert sent[0]["status"] == 408


def test_searches_are_counted_by_route_and_stage(folder: Path, serve: Serve) -> None:
    client = serve(folder)
    client.post("/v1/indexes/things/search", json={"vector": {"t": 1}})
    client.get("/nothing/of/the/kind")

    lines = client.get("/metrics").text.splitlines()

    route = 'method="POST",route="/v1/indexes/{name}/search",status="200"'
    assert f"lsr_requests_total{{{route}}} 1.0" in lines
    assert 'lsr_search_stage_seconds_count{stage="score"} 1.0' in lines
    assert 'lsr_index_documents{index="things"} 50.0' in lines
    assert not any("of/the/kind" in line for line in lines)  # paths of clients are no labels


def test_lines_reach_the_stream_before_it_is_closed() -> None:
    stream = io.BytesIO()
    log = RequestLog(stream)
    for number in range(100):
        log.write({"number": number})
    log.close()

    assert [json.loads(line)["number"] for line in stream.getvalue().splitlines()] == [*range(100)]


def test_work_for_a_client_that_has_gone_is_cancelled() -> None:
    ended: list[str] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def scene() -> None:
        request = Request({"type": "http"}, receive)
        try:
            with WhileConnected(request):
                await asyncio.sleep(60)
        except Problem as problem:
            ended.append(problem.code)

    asyncio.run(scene())

    assert ended == ["client-gone"]
