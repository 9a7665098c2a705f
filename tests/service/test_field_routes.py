"""The fields that a filter can name, with their values, as the page asks for them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from lsr.index import summarized_fields
from lsr.retrieval import Index
from lsr.service.app import create_app

DOCUMENTS = [
    {"id": "a", "vector": {"x": 1.0}, "year": 1999, "lang": "en", "open": True, "tags": ["t"]},
    {"id": "b", "vector": {"x": 1.0}, "year": 2024, "lang": "de", "price": 0.5},
    {"id": "c", "vector": {"x": 1.0}, "lang": "en", "open": False, "tags": ["t", "u"]},
]
FIELDS = {"year": "int", "price": "float", "lang": "str", "open": "bool", "tags": "tags"}


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index.build(tmp_path / "books", DOCUMENTS, fields=FIELDS)


@pytest.fixture
def client(index: Index) -> Iterator[TestClient]:
    app = create_app([index.path])
    yield TestClient(app)
    app.state.writing.close()


def fields(client: TestClient) -> Any:
    answer = client.get("/v1/indexes/books/fields")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_says_ranges_of_numbers_and_counts_of_everything_else(client: TestClient) -> None:
    def entry(name: str, n_docs: int, values: list[tuple[object, int]], **facts: Any) -> Any:
        empty = {"smallest": None, "largest": None, "n_distinct": None}
        counts = [{"value": value, "n_docs": count} for value, count in values]
        return {"name": name, "kind": FIELDS[name], "n_docs": n_docs, **empty, **facts} | {
            "values": counts
        }

    assert fields(client) == {
        "index": "books",
        "commit": 1,
        "fields": [
            entry("year", 2, [], smallest=1999, largest=2024),
            entry("price", 1, [], smallest=0.5, largest=0.5),
            entry("lang", 3, [("en", 2), ("de", 1)], n_distinct=2),
            entry("open", 2, [(False, 1), (True, 1)], n_distinct=2),
            entry("tags", 2, [("t", 2), ("u", 1)], n_distinct=2),
        ],
    }


def test_reads_the_values_of_a_commit_once(
    client: TestClient, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = []

    def noted(searcher: Any, n_values: int) -> Any:
        commits.append(searcher.manifest.commit)
        return summarized_fields(searcher, n_values)

    monkeypatch.setattr("lsr.service.field_routes.summarized_fields", noted)
    fields(client)
    fields(client)
    with index.writer() as writer:
        writer.delete("b")
        writer.commit()

    after = fields(client)

    assert commits == [1, after["commit"]]
    assert after["fields"][0]["largest"] == 1999


def test_an_unknown_index_is_a_problem(client: TestClient) -> None:
    answer = client.get("/v1/indexes/nowhere/fields")

    assert answer.status_code == 404
    assert answer.json()["code"] == "index-not-found"
