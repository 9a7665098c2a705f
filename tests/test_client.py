"""A client speaks of an index of a service as `lsr.Index` speaks of one on this disk."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import lsr
from command import lsr as run_lsr
from lsr.errors import InvalidInputError, ServiceError
from service_process import RunningService, running_service
from tiny_models import save_tiny_model

DOCUMENTS: list[dict[str, Any]] = [
    {"id": "d1", "title": "Sparse", "text": "the index and the query", "year": 2021},
    {
        "id": "d/2",
        "text": "a garden of flowers in the summer",
        "year": 2022,
        "file": "a",
        "line": 7,
    },
    {"id": "d3", "title": "Music", "text": "an engine and a wheel, a song by the river"},
]
QUESTION = "flowers in a garden"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    encoder = lsr.load_encoder(str(save_tiny_model(folder / "tiny")))
    for name in ("texts", "changing"):
        lsr.Index.build(folder / "root" / name, DOCUMENTS, encoder=encoder, fields={"year": "int"})
    return folder


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[RunningService]:
    with running_service(folder / "root", log=folder / "log") as service:
        yield service


@pytest.fixture(scope="module")
def here(folder: Path) -> lsr.Index:
    return lsr.Index.open(folder / "root" / "texts")


@pytest.fixture
def there(service: RunningService) -> Iterator[lsr.Client]:
    with lsr.Client(service.url, "texts") as client:
        yield client


def test_finds_what_the_index_finds(here: lsr.Index, there: lsr.Client) -> None:
    turns = lsr.Conversation.of([{"role": "user", "text": QUESTION}])
    for query in (QUESTION, {"flowers": 1.0, "garden": 0.5}, turns):
        expected = here.search(query, k=2)

        found = there.search(query, k=2)

        assert [(hit.doc_id, hit.score, hit.rank) for hit in found] == [
            (hit.doc_id, hit.score, hit.rank) for hit in expected
        ]
        assert [hit.document.as_dict() for hit in found] == [
            hit.document.as_dict() for hit in expected
        ]


def test_options_and_batches_are_passed_on(here: lsr.Index, there: lsr.Client) -> None:
    queries = [QUESTION, "the river"]

    found = there.search_batch(queries, k=3, where="year >= 2022")

    expected = here.search_batch(queries, k=3, where="year >= 2022")
    assert [[hit.doc_id for hit in hits] for hits in found] == [
        [hit.doc_id for hit in hits] for hits in expected
    ]
    assert there.search_batch([]) == []
    assert there.search_answer(QUESTION, offset=1, commit=1)["offset"] == 1


def test_explains_encodes_and_informs(here: lsr.Index, there: lsr.Client) -> None:
    explained = there.explain(QUESTION, "d/2")

    assert explained["score"] == here.explain(QUESTION, "d/2").score
    vectors = here.encoder.encode_queries([QUESTION])
    assert there.encode([QUESTION], top_k=5) == here.encoder.decode(vectors, 5)
    assert there.info()["n_docs"] == here.info()["n_docs"]
    assert there.document("d/2").metadata == {"year": 2022, "file": "a", "line": 7}


def test_adds_and_deletes(service: RunningService) -> None:
    with lsr.Client(service.url, "changing") as client:
        added = client.add({"id": f"n{number}", "text": "a wheel"} for number in range(3))
        replaced = client.add(
            [{"id": "n0", "text": "two wheels"}, {"id": "", "text": ""}], on_error="skip"
        )
        deleted = client.delete(["n1"])

        assert (added["added"], added["failed"]) == (3, 0)
        assert (replaced["replaced"], replaced["failed"]) == (1, 1)
        assert deleted["deleted"] == 1
        assert client.document("n0").text == "two wheels"


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda client: client.document("zebra"), InvalidInputError),
        (lambda client: client.search("a", k=0), InvalidInputError),
        (lambda client: client.search("a", where="height > 2"), InvalidInputError),
        (lambda client: client.add([{"id": "a"}]), InvalidInputError),
        (lambda client: client.search("a", commit=77), ServiceError),
        (lambda client: client.search_batch(["a"], where="height > 2"), InvalidInputError),
    ],
)
def test_a_problem_becomes_the_error_that_it_was(
    there: lsr.Client, call: object, error: type[Exception]
) -> None:
    assert callable(call)
    with pytest.raises(error, match=r".* .*\.?") as raised:
        call(there)

    assert type(raised.value) is error


def test_says_who_does_not_answer() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Connection refused")

    with (
        lsr.Client("http://nowhere", "pets", transport=httpx.MockTransport(refuse)) as client,
        pytest.raises(ServiceError, match=r"http://nowhere does not answer: Connection refused\."),
    ):
        client.info()


def test_a_page_that_is_no_service_is_said() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, text="<html>"))
    with (
        lsr.Client("http://page", "pets", transport=transport) as client,
        pytest.raises(ServiceError, match="no service of lsr"),
    ):
        client.info()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    return waits


def busy(n_times: int, status: int, headers: dict[str, str]) -> httpx.MockTransport:
    asked: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.read())
        assert asked[-1] == asked[0]
        if len(asked) <= n_times:
            problem = {"code": "too-many-writes", "detail": "Later."}
            return httpx.Response(status, json=problem, headers=headers)
        return httpx.Response(200, json={"added": 1})

    return httpx.MockTransport(answer)


@pytest.mark.parametrize("status", [429, 503])
def test_asks_again_when_the_service_says_to(waits: list[float], status: int) -> None:
    transport = busy(2, status, {"Retry-After": "5"})
    with lsr.Client("http://busy", "pets", transport=transport) as client:
        assert client.add([{"id": "a"}])["added"] == 1

    assert waits == [5, 5]


def test_gives_up_after_some_times_and_waits_no_longer_than_half_a_minute(
    waits: list[float],
) -> None:
    transport = busy(9, 503, {"Retry-After": "3600"})
    with (
        lsr.Client("http://busy", "pets", transport=transport, retries=2) as client,
        pytest.raises(ServiceError, match=r"Later\."),
    ):
        client.info()

    assert waits == [30, 30]


def test_a_stream_that_can_be_read_once_is_not_sent_twice(waits: list[float]) -> None:
    transport = busy(1, 429, {"Retry-After": "1"})
    with (
        lsr.Client("http://busy", "pets", transport=transport) as client,
        pytest.raises(ServiceError, match=r"Later\."),
    ):
        client.add(iter([{"id": "a"}]))

    assert waits == []


def test_the_key_is_sent() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"said": request.headers["Authorization"]})

    transport = httpx.MockTransport(answer)
    with lsr.Client("http://keys", "pets", key="secret", transport=transport) as client:
        assert client.info() == {"said": "Bearer secret"}


@pytest.mark.parametrize("options", [(), ("--explain",), ("--filter", "year >= 2022", "-k", "1")])
def test_the_command_prints_what_it_prints_of_an_index_here(
    service: RunningService, folder: Path, options: tuple[str, ...]
) -> None:
    address = f"{service.url}/v1/indexes/texts"

    here = run_lsr("search", QUESTION, "--index", folder / "root" / "texts", *options)
    there = run_lsr("search", QUESTION, "--url", address, *options)

    assert there.stdout == here.stdout
    assert here.code == there.code == 0
    as_json = [
        json.loads(run_lsr("search", QUESTION, *place, "--json", *options).stdout)
        for place in (("--index", folder / "root" / "texts"), ("--url", address))
    ]
    for one in as_json:
        del one["elapsed_ms"]
    assert as_json[0] == as_json[1]


def test_the_command_says_what_a_service_cannot_do(service: RunningService) -> None:
    address = f"{service.url}/v1/indexes/texts"

    for arguments in (
        ("a", "--url", service.url),
        ("a", "--url", address, "--index", "idx"),
        ("a", "--url", address, "--model", "tiny"),
        ("a",),
    ):
        assert run_lsr("search", *arguments).code == 2
    assert "'zebra'" in run_lsr("search", "a", "--url", f"{service.url}/v1/indexes/zebra").error
