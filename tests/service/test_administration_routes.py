"""Indexes are made, removed, put aside and taken back while the service runs."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from command import lsr
from lsr.index import write_lock
from lsr.retrieval import Index
from lsr.service.app import create_app
from lsr.service.settings import Settings
from tiny_models import save_tiny_model

LINES = {"Content-Type": "application/x-ndjson"}


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def client(root: Path, tiny_model: Path) -> Iterator[TestClient]:
    root.mkdir()
    app = create_app([root], Settings(models={"tiny": str(tiny_model)}, timeout_ms=600_000))
    yield TestClient(app)
    app.state.writing.close()
    app.state.searching.close()


def add(client: TestClient, name: str, *records: dict[str, Any]) -> None:
    body = "\n".join(map(json.dumps, records))
    answer = client.post(f"/v1/indexes/{name}/documents?wait=true", content=body, headers=LINES)
    assert answer.status_code == 200, answer.text


def n_docs(client: TestClient, name: str) -> int:
    count: int = client.get(f"/v1/indexes/{name}").json()["n_docs"]
    return count


@pytest.fixture
def pets(client: TestClient) -> str:
    assert client.put("/v1/indexes/pets", json={"fields": {"year": "int"}}).status_code == 201
    add(client, "pets", {"id": "a", "vector": {"cat": 1}, "year": 2020})
    return "pets"


def test_an_empty_folder_is_served_and_filled(client: TestClient, root: Path) -> None:
    assert client.get("/v1/indexes").json() == {"indexes": []}

    made = client.put("/v1/indexes/pets", json={"fields": {"year": "int"}, "weights": "float32"})
    add(client, "pets", {"id": "a", "vector": {"cat": 1}, "year": 2020})

    assert made.status_code == 201
    assert made.headers["Location"] == "/v1/indexes/pets"
    found = client.post(
        "/v1/indexes/pets/search", json={"vector": {"cat": 2}, "filter": "year = 2020"}
    ).json()
    assert [(one["id"], one["score"]) for one in found["hits"]] == [("a", 2.0)]
    assert Index.open(root / "pets").searcher.manifest.weights == "float32"


def test_an_index_of_a_configured_model_takes_texts(client: TestClient) -> None:
    assert client.put("/v1/indexes/texts", json={"model": "tiny"}).status_code == 201
    add(client, "texts", {"id": "a", "text": "a garden of flowers"})

    found = client.post("/v1/indexes/texts/search", json={"query": "flowers"}).json()

    assert [one["id"] for one in found["hits"]] == ["a"]


def test_a_model_that_is_not_configured_is_refused(client: TestClient, tiny_model: Path) -> None:
    answer = client.put("/v1/indexes/texts", json={"model": str(tiny_model)})

    assert answer.status_code == 422
    assert answer.json()["code"] == "model-not-configured"
    assert "tiny" in answer.json()["detail"]


def test_an_index_is_not_made_twice(client: TestClient, pets: str) -> None:
    answer = client.put(f"/v1/indexes/{pets}", json={})

    assert answer.status_code == 409
    assert answer.json()["code"] == "index-exists"


@pytest.mark.parametrize(
    "body", [{"weights": "int4"}, {"fields": {"year": "date"}}, {"prune": "half"}, {"model": 7}]
)
def test_settings_that_cannot_be_leave_no_index(
    client: TestClient, root: Path, body: dict[str, Any]
) -> None:
    assert client.put("/v1/indexes/odd", json=body).status_code == 422
    assert not (root / "odd").exists()


def test_a_name_that_is_a_link_is_not_followed(
    client: TestClient, root: Path, tmp_path: Path
) -> None:
    (root / "link").symlink_to(tmp_path / "elsewhere")

    assert client.put("/v1/indexes/link", json={}).status_code == 409
    assert not (tmp_path / "elsewhere").exists()


def test_a_deleted_index_is_gone_and_may_come_again(
    client: TestClient, pets: str, root: Path
) -> None:
    held = client.app.state.catalog[pets].latest()  # type: ignore[attr-defined]

    assert client.delete(f"/v1/indexes/{pets}").status_code == 200

    assert client.get(f"/v1/indexes/{pets}").status_code == 404
    assert not (root / pets).exists()
    assert list((root / ".deleted").iterdir()) == []
    assert [hit.doc_id for hit in held.search({"cat": 1.0})] == ["a"]  # a search in flight
    assert client.put(f"/v1/indexes/{pets}", json={}).status_code == 201
    assert n_docs(client, pets) == 0


def test_an_index_that_another_process_writes_stays(
    client: TestClient, pets: str, root: Path
) -> None:
    with write_lock(root / pets):
        deleted = client.delete(f"/v1/indexes/{pets}")
        changed = client.delete(f"/v1/indexes/{pets}/documents/a")

    for answer in (deleted, changed):
        assert answer.status_code == 503
        assert answer.json()["code"] == "index-locked"
        assert f"process {os.getpid()}" in answer.json()["detail"]
    assert n_docs(client, pets) == 1


def test_what_was_being_deleted_is_removed_at_the_next_start(tmp_path: Path) -> None:
    (tmp_path / "root" / ".deleted" / "pets-1" / "segments").mkdir(parents=True)

    create_app([tmp_path / "root"], Settings())

    assert not (tmp_path / "root" / ".deleted").exists()


def test_a_snapshot_is_listed_and_restored_under_a_new_name(client: TestClient, pets: str) -> None:
    made = client.post(f"/v1/indexes/{pets}/snapshots", json={"snapshot": "before"})
    add(client, pets, {"id": "b", "vector": {"cat": 2}})

    restored = client.post("/v1/indexes/old/restore", json={"snapshot": "before", "of": pets})

    assert made.status_code == 201
    (listed,) = client.get(f"/v1/indexes/{pets}/snapshots").json()["snapshots"]
    assert (listed["snapshot"], listed["commit"], listed["n_docs"]) == ("before", 2, 1)
    assert restored.json()["n_docs"] == 1
    assert (n_docs(client, "old"), n_docs(client, pets)) == (1, 2)


@pytest.mark.parametrize(
    "headers", [{}, {"Content-Type": "application/x-www-form-urlencoded"}, {"Content-Length": "0"}]
)
def test_a_snapshot_needs_no_body(client: TestClient, pets: None, headers: dict[str, str]) -> None:
    answer = client.post("/v1/indexes/pets/snapshots", headers=headers)

    assert answer.status_code == 201, answer.text


def test_a_snapshot_replaces_its_index_only_when_told(client: TestClient, pets: str) -> None:
    snapshot = client.post(f"/v1/indexes/{pets}/snapshots").json()["snapshot"]
    add(client, pets, {"id": "b", "vector": {"cat": 2}})

    refused = client.post(f"/v1/indexes/{pets}/restore", json={"snapshot": snapshot})
    restored = client.post(
        f"/v1/indexes/{pets}/restore", json={"snapshot": snapshot, "replace": True}
    )

    assert refused.status_code == 409
    assert restored.status_code == 200
    assert n_docs(client, pets) == 1


def test_a_snapshot_outlives_its_index(client: TestClient, pets: str) -> None:
    client.post(f"/v1/indexes/{pets}/snapshots", json={"snapshot": "kept"})
    client.delete(f"/v1/indexes/{pets}")

    assert len(client.get(f"/v1/indexes/{pets}/snapshots").json()["snapshots"]) == 1
    assert client.post(f"/v1/indexes/{pets}/restore", json={"snapshot": "kept"}).status_code == 200
    assert n_docs(client, pets) == 1


def test_a_snapshot_is_removed(client: TestClient, pets: str) -> None:
    client.post(f"/v1/indexes/{pets}/snapshots", json={"snapshot": "one"})
    twice = client.post(f"/v1/indexes/{pets}/snapshots", json={"snapshot": "one"})

    assert twice.status_code == 409
    assert client.delete(f"/v1/indexes/{pets}/snapshots/one").status_code == 200
    assert client.delete(f"/v1/indexes/{pets}/snapshots/one").status_code == 404
    assert client.get(f"/v1/indexes/{pets}/snapshots").json()["snapshots"] == []


def test_without_a_folder_of_indexes_none_can_be_made(tmp_path: Path) -> None:
    Index.build(tmp_path / "pets", [("a", {"cat": 1.0})])
    client = TestClient(create_app([tmp_path / "pets"], Settings()))

    made = client.put("/v1/indexes/more", json={})
    deleted = client.delete("/v1/indexes/pets")

    assert (made.status_code, made.json()["code"]) == (409, "no-root")
    assert (deleted.status_code, deleted.json()["code"]) == (409, "not-in-root")


def test_encodes_with_a_configured_model_and_as_an_index_does(
    client: TestClient, tiny_model: Path
) -> None:
    from lsr.encoders import load_encoder

    client.put("/v1/indexes/texts", json={"model": "tiny"})
    encoder = load_encoder(str(tiny_model))
    text = "the garden of the summer"

    for place in ({"model": "tiny"}, {"index": "texts"}):
        answer = client.post("/v1/encode", json={"texts": [text], "top_k": 3, **place}).json()
        assert answer["vectors"] == encoder.decode(encoder.encode_queries([text]), 3)
        answer = client.post("/v1/encode", json={"texts": [text], "side": "documents", **place})
        assert answer.json()["vectors"] == encoder.decode(encoder.encode_documents([text]))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"texts": ["a"]}, "invalid-request"),
        ({"texts": ["a"], "model": "tiny", "index": "pets"}, "invalid-request"),
        ({"texts": [], "model": "tiny"}, "invalid-request"),
        ({"texts": ["a"] * 257, "model": "tiny"}, "invalid-request"),
        ({"texts": ["a"], "model": "other"}, "model-not-configured"),
        ({"texts": ["a"], "index": "pets"}, "not-supported-by-index"),
    ],
)
def test_what_cannot_be_encoded_is_refused(
    client: TestClient, pets: str, body: dict[str, Any], code: str
) -> None:
    answer = client.post("/v1/encode", json=body)

    assert answer.status_code == 422
    assert answer.json()["code"] == code


def test_explains_a_score_as_the_command_does(client: TestClient, root: Path) -> None:
    client.put("/v1/indexes/texts", json={"model": "tiny"})
    add(client, "texts", {"id": "a/b", "text": "a garden of flowers"})

    answer = client.post(
        "/v1/indexes/texts/explain", json={"id": "a/b", "query": "flowers in a garden"}
    ).json()
    done = lsr("explain", "flowers in a garden", "a/b", "--index", root / "texts", "--json")

    expected = json.loads(done.stdout)
    del expected["query"]
    assert answer == {"index": "texts", "commit": 2, **expected}
    assert answer["score"] == pytest.approx(sum(one["product"] for one in answer["words"]))


def test_explains_a_score_of_an_earlier_commit(client: TestClient, root: Path) -> None:
    client.put("/v1/indexes/texts", json={"model": "tiny"})
    add(client, "texts", {"id": "a", "text": "a garden of flowers"})
    question = {"id": "a", "query": "flowers"}
    before = client.post("/v1/indexes/texts/explain", json=question).json()
    client.delete("/v1/indexes/texts/documents/a")

    now = client.post("/v1/indexes/texts/explain", json=question)
    then = client.post("/v1/indexes/texts/explain", json={**question, "commit": before["commit"]})

    assert now.json()["code"] == "document-not-found"
    assert then.json() == before


def test_what_cannot_be_explained_is_refused(client: TestClient, pets: str) -> None:
    for body, status in (
        ({"id": "zebra", "vector": {"cat": 1}}, 404),
        ({"id": "a"}, 422),
        ({"id": "a", "query": "cat", "vector": {"cat": 1}}, 422),
        ({"id": "a", "query": "cat"}, 422),
    ):
        assert client.post(f"/v1/indexes/{pets}/explain", json=body).status_code == status
