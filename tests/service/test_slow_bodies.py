"""A body that trickles is cut off; a slow service is not taken for a slow client."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from lsr.service.problems import Problem
from lsr.service.slow_bodies import BodyDeadline

HEADERS = [(b"transfer-encoding", b"chunked")]


def ask(
    body: AsyncIterator[bytes],
    app: Callable[..., Any],
    patience_s: float,
    headers: list[tuple[bytes, bytes]] = HEADERS,
) -> None:
    async def receive() -> dict[str, Any]:
        try:
            return {"type": "http.request", "body": await anext(body), "more_body": True}
        except StopAsyncIteration:
            return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        raise AssertionError("nothing is sent here")

    limited = BodyDeadline(app, patience_s=patience_s, bytes_per_s=1_000)
    asyncio.run(limited({"type": "http", "headers": headers}, receive, send))  # type: ignore[arg-type]


async def read_all(scope: Any, receive: Any, send: Any) -> None:
    while (await receive())["more_body"]:
        pass


async def trickle() -> AsyncIterator[bytes]:
    while True:
        await asyncio.sleep(0.01)
        yield b"x"


def test_a_trickle_is_cut_off() -> None:
    with pytest.raises(Problem) as cut:
        ask(trickle(), read_all, patience_s=0.1)

    assert (cut.value.status, cut.value.code) == (408, "body-too-slow")


def test_silence_is_cut_off() -> None:
    async def silence() -> AsyncIterator[bytes]:
        await asyncio.sleep(60)
        yield b""

    with pytest.raises(Problem, match="0 bytes"):
        ask(silence(), read_all, patience_s=0.05)


def test_bytes_buy_time() -> None:
    async def flow() -> AsyncIterator[bytes]:
        for _ in range(10):
            await asyncio.sleep(0.02)
            yield b"x" * 1_000

    ask(flow(), read_all, patience_s=0.1)


def test_the_service_may_take_its_time() -> None:
    async def slow_service(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["more_body"]:
            await asyncio.sleep(0.05)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"x"

    ask(chunks(), slow_service, patience_s=0.1)


def test_a_client_that_waits_for_its_answer_is_not_slow() -> None:
    is_sent = False

    async def once() -> AsyncIterator[bytes]:
        nonlocal is_sent
        if is_sent:
            await asyncio.sleep(60)
        is_sent = True
        return
        yield b""

    async def waits(scope: Any, receive: Any, send: Any) -> None:
        assert not (await receive())["more_body"]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(receive_forever(receive), 0.1)

    async def receive_forever(receive: Any) -> None:
        while True:
            await receive()
            await asyncio.sleep(0.01)

    ask(once(), waits, patience_s=0.02)
