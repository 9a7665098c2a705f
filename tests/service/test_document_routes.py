"""Documents come and go as streams, with a result for each line, and one by one."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from lsr.retrieval import Index
from lsr.service.app import create_app
from lsr.service.settings import Settings

LINES = {"Content-Type": "application/x-ndjson"}


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    path = tmp_path / "root" / "pets"
    Index.build(
        path,
        [
            {"id": "a", "title": "Cats", "vector": {"cat": 2.0}, "year": 2020},
            {"id": "b/c", "vector": {"dog": 1.0}, "year": 2021},
        ],
        fields={"year": "int"},
    )
    return path


@pytest.fixture
def client(pets: Path) -> Iterator[TestClient]:
    app = create_app(
        [pets.parent], Settings(max_line_bytes=1_000, max_stream_bytes=100_000, timeout_ms=600_000)
    )
    yield TestClient(app)
    app.state.writing.close()
    app.state.searching.close()


def lines(*records: object) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in records)


def post(client: TestClient, body: bytes, query: str = "?wait=true", verb: str = "") -> Any:
    return client.post(f"/v1/indexes/pets/documents{verb}{query}", content=body, headers=LINES)


def ids(client: TestClient, vector: dict[str, float]) -> list[str]:
    answer = client.post("/v1/indexes/pets/search", json={"vector": vector}).json()
    return [hit["id"] for hit in answer["hits"]]


def test_returns_stored_fields_of_a_document(client: TestClient) -> None:
    answer = client.get("/v1/indexes/pets/documents/a").json()

    assert answer == {
        "index": "pets",
        "commit": 1,
        "document": {"id": "a", "title": "Cats", "text": "", "year": 2020},
    }


def test_an_id_may_hold_a_slash(client: TestClient) -> None:
    assert client.get("/v1/indexes/pets/documents/b%2Fc").json()["document"]["year"] == 2021
    assert client.get("/v1/indexes/pets/documents/b/c").json()["document"]["year"] == 2021


def test_an_unknown_document_is_a_problem(client: TestClient) -> None:
    for answer in (
        client.get("/v1/indexes/pets/documents/zebra"),
        client.delete("/v1/indexes/pets/documents/zebra"),
    ):
        assert answer.status_code == 404
        assert answer.json()["code"] == "document-not-found"


def test_adds_and_replaces_with_a_result_per_line(client: TestClient) -> None:
    body = lines(
        {"id": "a", "vector": {"lion": 1.0}, "year": 2024},
        {"id": "d", "vector": {"lion": 3.0}, "year": 2025},
    )

    answer = post(client, b"\n" + body)

    assert answer.status_code == 200
    said = answer.json()
    assert said.pop("task")
    assert said == {
        "index": "pets",
        "commit": 2,
        "added": 1,
        "replaced": 1,
        "failed": 0,
        "results": [
            {"line": 2, "id": "a", "status": "replaced"},
            {"line": 3, "id": "d", "status": "added"},
        ],
    }
    assert ids(client, {"lion": 1.0}) == ["d", "a"]
    assert ids(client, {"cat": 1.0}) == []


BAD = [
    (b"{", "invalid-input", None),
    (lines({"id": "x y", "vector": {"cat": 1}}).strip(), "invalid-input", None),
    (lines({"id": "x", "vector": {"cat": -1}}).strip(), "invalid-input", "x"),
    (lines({"id": "x", "vector": {"cat": 1}, "year": "soon"}).strip(), "invalid-input", "x"),
    (lines({"id": "x", "text": "no model reads this"}).strip(), "invalid-input", "x"),
    (lines({"id": "new1", "vector": {"cat": 1}}).strip(), "duplicate-id", "new1"),
]


@pytest.mark.parametrize(("bad", "code", "doc_id"), BAD)
def test_a_bad_line_fails_alone_where_that_is_wanted(
    client: TestClient, bad: bytes, code: str, doc_id: str | None
) -> None:
    good = [{"id": f"new{number}", "vector": {"cat": 1.0 + number}} for number in range(1, 6)]
    body = lines(*good[:3]) + bad + b"\n" + lines(*good[3:])

    said = post(client, body, "?wait=true&on_error=skip").json()

    assert (said["added"], said["replaced"], said["failed"]) == (5, 0, 1)
    failed = [one for one in said["results"] if one["status"] == "failed"]
    assert [(one["line"], one["id"], one["code"]) for one in failed] == [(4, doc_id, code)]
    assert "line 4" in failed[0]["detail"]
    assert len(ids(client, {"cat": 1.0})) == 6


@pytest.mark.parametrize(("bad", "code", "doc_id"), BAD)
def test_nothing_is_kept_of_a_stream_with_a_bad_line(
    client: TestClient, bad: bytes, code: str, doc_id: str | None
) -> None:
    body = lines({"id": "new1", "vector": {"cat": 1.0}}) + bad

    answer = post(client, body)

    assert answer.status_code == (409 if code == "duplicate-id" else 422)
    said = answer.json()
    assert said["code"] == code
    assert said["detail"].startswith("line 2: ")
    assert said["errors"][0]["field"] == "line 2"
    assert ids(client, {"cat": 1.0}) == ["a"]
    assert client.get("/v1/indexes/pets").json()["commit"] == 1


def test_deletes_by_line_and_says_which_ids_are_unknown(client: TestClient) -> None:
    said = post(client, lines("a", {"id": "zebra"}, 7), "?wait=true&on_error=skip", "/delete")

    assert (said.json()["deleted"], said.json()["failed"]) == (1, 2)
    assert [one["status"] for one in said.json()["results"]] == ["deleted", "failed", "failed"]
    assert client.get("/v1/indexes/pets/documents/a").status_code == 404


def test_deletes_nothing_when_an_id_is_unknown(client: TestClient) -> None:
    answer = post(client, lines("a", "zebra"), verb="/delete")

    assert answer.status_code == 422
    assert "'zebra'" in answer.json()["detail"]
    assert client.get("/v1/indexes/pets/documents/a").status_code == 200


def test_deletes_one_document(client: TestClient) -> None:
    answer = client.delete("/v1/indexes/pets/documents/b/c")

    assert answer.json()["deleted"] == 1
    assert answer.json()["commit"] == 2
    assert ids(client, {"dog": 1.0}) == []


def test_an_accepted_stream_is_a_task_that_ends(client: TestClient) -> None:
    accepted = post(client, lines({"id": "d", "vector": {"lion": 3.0}}), "")
    assert accepted.status_code == 202
    place = accepted.headers["Location"]

    client.app.state.writing.wait_until_done()  # type: ignore[attr-defined]
    task = client.get(place).json()

    assert task["state"] == "succeeded"
    assert (task["added"], task["failed"], task["n_lines"], task["commit"]) == (1, 0, 1, 2)
    assert client.get(f"{place}/results").text == '{"line":1,"id":"d","status":"added"}\n'
    assert client.get("/v1/tasks?index=pets&state=succeeded").json()["tasks"] == [task]
    assert client.get("/v1/tasks?index=other").json()["tasks"] == []
    assert ids(client, {"lion": 1.0}) == ["d"]


def test_a_failed_task_says_why(client: TestClient) -> None:
    accepted = post(client, b"{", "")

    client.app.state.writing.wait_until_done()  # type: ignore[attr-defined]
    task = client.get(accepted.headers["Location"]).json()

    assert task["state"] == "failed"
    assert task["error"]["code"] == "invalid-input"
    assert client.get(f"{accepted.headers['Location']}/results").status_code == 404


def test_an_unknown_task_is_a_problem(client: TestClient) -> None:
    assert client.get("/v1/tasks/0123").json()["code"] == "task-not-found"


@pytest.mark.parametrize(
    ("body", "code"),
    [(b" " * 1_001, "line-too-long"), (b" " * 900 + b"\n" + b"x" * 2_000, "line-too-long")],
)
def test_a_line_that_is_too_long_is_named(client: TestClient, body: bytes, code: str) -> None:
    answer = post(client, body)

    assert answer.status_code == 413
    assert answer.json()["code"] == code
    assert f"Line {body.count(10) + 1} " in answer.json()["detail"]


def test_a_stream_that_is_too_large_leaves_nothing(client: TestClient, pets: Path) -> None:
    answer = post(client, b"\n" * 100_001)

    assert answer.status_code == 413
    assert answer.json()["code"] == "stream-too-large"
    assert list((pets.parent / ".service" / "tasks").glob("*.lines")) == []


def test_what_is_not_lines_is_refused(client: TestClient) -> None:
    """A page of another site can send forms and plain text, but no lines of JSON."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = client.post(
            "/v1/indexes/pets/documents", content=b"{}", headers={"Content-Type": kind}
        )
        assert answer.status_code == 415
        assert answer.json()["code"] == "unsupported-media-type"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/indexes/pets/documents?on_eror=skip"),
        ("DELETE", "/v1/indexes/pets/documents/a?wiat=false"),
        ("GET", "/v1/tasks?offset=3"),
        ("GET", "/v1/indexes/pets/search?q=cat&filtre=x"),
        ("POST", "/v1/indexes/pets/search?k=3"),
    ],
)
def test_a_parameter_that_nobody_knows_is_refused(
    client: TestClient, method: str, path: str
) -> None:
    answer = client.request(method, path, content=b"{}", headers=LINES)

    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid-request"
    assert "no parameter" in answer.json()["detail"]
    assert client.get("/v1/indexes/pets").json()["commit"] == 1
