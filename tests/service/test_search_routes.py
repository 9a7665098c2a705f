"""A search answers with the exact best documents, page by page, of the commit that it names."""

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from lsr.retrieval import Index
from lsr.service import catalog, searching
from serving import Serve

URL = "/v1/indexes/things/search"


@pytest.fixture
def client(folder: Path, serve: Serve) -> TestClient:
    return serve(folder, max_k=30, deepest_hit=45)


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [hit["id"] for hit in answer.json()["hits"]]


def test_hits_are_those_of_the_index(client: TestClient, folder: Path) -> None:
    answer = client.post(URL, json={"vector": {"t": 2.0, "only3": 20.0}, "k": 5}).json()

    hits = Index.open(folder).search({"t": 2.0, "only3": 20.0}, k=5)
    assert [(one["id"], one["score"], one["rank"]) for one in answer["hits"]] == [
        (hit.doc_id, hit.score, hit.rank) for hit in hits
    ]
    assert answer["hits"][0]["document"] == {
        "id": "d3",
        "title": "Thing 3",
        "text": "",
        "even": False,
    }
    assert set(answer["took_ms"]) == {"queue", "encode", "score", "fetch", "total"}
    assert answer["warnings"] == []


@pytest.mark.parametrize(
    "body",
    [
        {"vector": {"t": 1, "only4": 3, "zebra": 1}, "k": 7, "offset": 2, "fields": []},
        {"vector": {"zebra": 1}, "fields": []},
        {"vector": {"t": -1}, "fields": []},
        {"vector": {"t": 1}, "fields": [], "max_ranges": 1},
    ],
)
def test_what_is_answered_at_once_is_what_a_thread_answers(
    client: TestClient, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer() -> tuple[dict[str, Any], bool]:
        stage = 'lsr_search_stage_seconds_sum{stage="queue"}'
        waited = [one for one in client.get("/metrics").text.splitlines() if stage in one]
        values = client.post(URL, json=body).json()
        values.pop("took_ms", None)
        values.pop("request_id", None)
        after = [one for one in client.get("/metrics").text.splitlines() if stage in one]
        return values, waited == after

    client.post(URL, json=body)  # the lists are checked from now on
    at_once, has_not_waited = answer()
    monkeypatch.setattr(searching, "AT_ONCE_NS", 0)
    by_thread, _ = answer()

    assert at_once == by_thread
    assert has_not_waited


def test_pages_follow_each_other(client: TestClient) -> None:
    pages = [
        client.post(URL, json={"vector": {"t": 1}, "k": 15, "offset": offset, "fields": []})
        for offset in (0, 15, 30)
    ]

    assert [one for page in pages for one in ids(page)] == [f"d{49 - n}" for n in range(45)]
    assert [page.json()["has_more"] for page in pages] == [True, True, True]
    assert client.post(URL, json={"vector": {"only7": 1}}).json()["has_more"] is False


def test_fields_are_chosen(client: TestClient) -> None:
    chosen = client.post(URL, json={"vector": {"only2": 1}, "fields": ["title", "none"]}).json()
    nothing = client.post(URL, json={"vector": {"only2": 1}, "fields": []}).json()

    assert chosen["hits"][0]["document"] == {"title": "Thing 2"}
    assert "document" not in nothing["hits"][0]


def test_filters_take_text_and_json(client: TestClient) -> None:
    as_text = client.post(URL, json={"vector": {"t": 1}, "k": 3, "filter": "even = true"})
    as_json = client.post(
        URL, json={"vector": {"t": 1}, "k": 3, "filter": {"field": "even", "eq": True}}
    )

    assert ids(as_text) == ["d48", "d46", "d44"]
    assert as_json.status_code in (200, 422)
    if as_json.status_code == 200:
        assert ids(as_json) == ids(as_text)


@pytest.mark.parametrize("body", [{"query": ""}, {"query": " \n"}, {"vector": {}}])
def test_an_empty_query_has_no_hits(client: TestClient, body: dict[str, Any]) -> None:
    answer = client.post(URL, json=body)

    assert ids(answer) == []
    assert answer.json()["warnings"] == ["The query is empty."]


def test_unknown_terms_are_named(client: TestClient) -> None:
    answer = client.post(URL, json={"vector": {"t": 1, "zebra": 1}, "k": 1}).json()
    nothing = client.post(URL, json={"vector": {"zebra": 1}}).json()

    assert answer["warnings"] == ["The index does not know the terms 'zebra'; they are left out."]
    assert nothing["hits"] == []
    assert "No term of the query is known to the index." in nothing["warnings"]


def test_explanations_and_passages_come_when_asked_for(client: TestClient) -> None:
    body = {"vector": {"t": 1, "only9": 1}, "k": 1, "explain": True, "highlight": True}
    (hit,) = client.post(URL, json=body).json()["hits"]

    shares = {one["word"]: one["share"] for one in hit["contributions"]}
    assert sum(shares.values()) == pytest.approx(1)
    assert set(hit["passage"]) == {"text", "spans", "is_first", "is_last"}


def test_a_page_of_an_older_commit_is_answered_from_it(
    client: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "LOOK_S", 0.0)  # see the commit at once, which is another's
    first = client.post(URL, json={"vector": {"t": 1}, "k": 1}).json()
    with Index.open(folder).writer() as writer:
        writer.delete("d49")
        writer.commit()

    now = client.post(URL, json={"vector": {"t": 1}, "k": 2}).json()
    then = client.post(URL, json={"vector": {"t": 1}, "k": 2, "commit": first["commit"]}).json()

    assert [hit["id"] for hit in now["hits"]] == ["d48", "d47"]
    assert [hit["id"] for hit in then["hits"]] == ["d49", "d48"]
    assert (now["commit"], then["commit"]) == (first["commit"] + 1, first["commit"])


def test_a_commit_that_is_not_kept_is_gone(client: TestClient) -> None:
    answer = client.post(URL, json={"vector": {"t": 1}, "commit": 999})

    assert (answer.status_code, answer.json()["code"]) == (410, "snapshot-gone")


def test_a_batch_answers_each_search(client: TestClient) -> None:
    searches = [
        {"vector": {"t": 1}, "k": 2},
        {"query": "text"},
        {"vector": {"only1": 1}, "k": 1},
        {"query": "", "vector": {}},
    ]
    answer = client.post(f"{URL}/batch", json={"searches": searches}).json()

    first, second, third, fourth = answer["answers"]
    assert answer["failed"] == 2
    assert [hit["id"] for hit in first["hits"]] == ["d49", "d48"]
    assert second["code"] == "not-supported-by-index"
    assert [hit["id"] for hit in third["hits"]] == ["d1"]
    assert fourth["code"] == "invalid-request"


def test_a_batch_has_one_snapshot(client: TestClient) -> None:
    inside = {"searches": [{"vector": {"t": 1}, "commit": 1}]}

    assert client.post(f"{URL}/batch", json=inside).json()["failed"] == 1
    gone = client.post(f"{URL}/batch", json={"searches": [{"vector": {"t": 1}}], "commit": 77})
    assert gone.status_code == 410


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"vector": {"t": 1}, "k": 0}, "k"),
        ({"vector": {"t": 1}, "k": 31}, "k"),
        ({"vector": {"t": 1}, "k": 20, "offset": 26}, "offset"),
        ({"vector": {"t": 1}, "alpha": 1.5}, "alpha"),
        ({"vector": {"t": 1}, "colour": 1}, "colour"),
        ({"vector": {"t": "heavy"}}, "vector.t"),
        ({"query": "a", "vector": {"t": 1}}, "query"),
        ({"conversation": [{"role": "user"}]}, "conversation.0.text"),
    ],
)
def test_the_field_at_fault_is_named(client: TestClient, body: dict[str, Any], field: str) -> None:
    answer = client.post(URL, json=body)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert field in [one["field"] for one in answer.json()["errors"]]


@pytest.mark.parametrize(
    "body",
    [
        {"vector": {"t": -1}},
        {"vector": {"t": 1}, "filter": "colour = 'red'"},
        {"vector": {"t": 1}, "filter": "even ="},
        {"vector": {"t": 1}, "prune": "rubbish"},
        {"vector": {"t": 1}, "alpha": 0.5},
        {"vector": {"t": 1}, "max_ranges": 1},
        {"conversation": [{"role": "nobody", "text": "a"}]},
    ],
)
def test_what_the_index_refuses_is_a_problem(client: TestClient, body: dict[str, Any]) -> None:
    answer = client.post(URL, json=body)

    assert answer.status_code == 422
    assert len(answer.json()["detail"]) > 20


def test_searching_by_address(client: TestClient) -> None:
    assert client.get(URL, params={"q": "  "}).json()["hits"] == []
    assert client.get(URL).status_code == 422
    assert client.get(URL, params={"q": "text"}).json()["code"] == "not-supported-by-index"
    assert client.get("/v1/indexes/none/search", params={"q": "a"}).status_code == 404
