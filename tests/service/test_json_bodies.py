"""What is not sound JSON is refused at once, with a problem that says why."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from serving import Serve

URL = "/v1/indexes/things/search"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def client(folder: Path, serve: Serve) -> TestClient:
    return serve(folder, max_body_bytes=200_000)


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b'{"vector": {"t": NaN}}',
        b'{"vector": {"t": Infinity}}',
        b'{"vector": {"t": 1}} {}',
        b'{"query": "a", "query": "b"}',
        b'{"vector": {"t": 1, "t": 2}}',
        b'{"vector": {"\\u0074": 1, "t": 2}}',
        b'{"query": "\\ud800"}',
        b'{"query": "\xff"}',
        '{"query": "a"}'.encode("utf-16"),
        b'{"filter": ' + b"[" * 50_000,
        b'{"filter": ' + b'{"a":' * 30_000,
        b"[" * 100_000 + b"]" * 100_000,
    ],
)
def test_malformed_json_is_400(client: TestClient, content: bytes) -> None:
    answer = client.post(URL, content=content, headers=JSON)

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed-json")
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.content) < 4_000


@pytest.mark.parametrize(
    "content",
    [
        b'{"k": ' + b"9" * 100_000 + b"}",
        b'{"vector": {"t": ' + b"9" * 100_000 + b"}}",
        b'{"vector": {"t": 1e999}}',
        b'{"vector": {"t": "NaN"}}',
        b'{"vector": {"t": null}}',
        b'{"vector": {"t": true}}',
        b'"text"',
        b"null",
    ],
)
def test_impossible_values_are_refused(client: TestClient, content: bytes) -> None:
    answer = client.post(URL, content=content, headers=JSON)

    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.content) < 4_000


def test_names_that_repeat_in_different_objects_are_fine(client: TestClient) -> None:
    content = b'{"searches": [{"vector": {"t": 1}}, {"vector": {"t": 1, "\\"": 1, "x\\\\": 1}}]}'

    assert client.post(f"{URL}/batch", content=content, headers=JSON).json()["failed"] == 0


@pytest.mark.parametrize("size", [200_001, 5_000_000])
def test_a_large_body_is_413_however_it_comes(client: TestClient, size: int) -> None:
    whole = client.post(URL, content=b" " * size, headers=JSON)
    in_parts = client.post(
        URL, content=(b" " * 1_000 for _ in range(-(-size // 1_000))), headers=JSON
    )

    assert whole.status_code == in_parts.status_code == 413
    assert whole.json()["code"] == in_parts.json()["code"] == "body-too-large"


@pytest.mark.parametrize(
    "type_",
    ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"],
)
def test_what_is_not_declared_as_json_is_415(client: TestClient, type_: str) -> None:
    headers = {"Content-Type": type_} if type_ else {}
    answer = client.post(URL, content=b'{"vector": {"t": 1}}', headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (415, "not-json")


def test_utf_8_may_be_declared(client: TestClient) -> None:
    headers = {"Content-Type": "application/json; charset=UTF-8"}

    assert client.post(URL, content=b'{"vector": {"t": 1}}', headers=headers).status_code == 200


def test_no_body_is_422(client: TestClient) -> None:
    assert client.post(URL, headers=JSON).status_code == 422
