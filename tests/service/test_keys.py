"""Whoever has no key is told so; whoever has one may do what it says."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from lsr.errors import ConfigError
from lsr.service.key_file import Scope, create_key, revoke_key
from lsr.service.server import refuse_open_house
from serving import Serve

SEARCH = "/v1/indexes/things/search?q=a"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_search_needs_a_key(folder: Path, keys: Path, serve: Serve) -> None:
    token = create_key(keys, "web", [Scope.SEARCH])
    client = serve(folder, keys=keys)
    url = "/v1/indexes/things/search"
    body = {"vector": {"t": 1}}

    missing = client.post(url, json=body)
    wrong = client.post(url, json=body, headers=bearer("lsr_wrong"))

    assert missing.status_code == wrong.status_code == 401
    assert missing.headers["www-authenticate"] == 'Bearer realm="lsr"'
    assert (missing.json()["code"], wrong.json()["code"]) == ("key-missing", "unknown-key")
    assert client.post(url, json=body, headers=bearer(token)).status_code == 200
    assert client.post(url, json=body, headers={"X-API-Key": token}).status_code == 200


def test_a_key_comes_before_the_body(folder: Path, keys: Path, serve: Serve) -> None:
    create_key(keys, "web", [Scope.SEARCH])
    client = serve(folder, keys=keys)

    answer = client.post("/v1/indexes/things/search", content=b"{" * 1_000)

    assert answer.status_code == 401


def test_a_scope_that_is_missing_is_named(folder: Path, keys: Path, serve: Serve) -> None:
    token = create_key(keys, "web", [Scope.SEARCH])
    client = serve(folder, keys=keys)

    answer = client.get("/metrics", headers=bearer(token))

    assert answer.status_code == 403
    assert "'admin'" in answer.json()["detail"]


def test_every_path_but_health_and_pages_needs_a_key(
    folder: Path, keys: Path, serve: Serve
) -> None:
    create_key(keys, "web", [Scope.ADMIN])
    client = serve(folder, keys=keys)
    schema = client.get("/openapi.json").json()
    free = {"/livez", "/readyz"}
    open_paths = set()

    for path, methods in schema["paths"].items():
        for method in methods:
            answer = client.request(method, path.replace("{name}", "things"))
            if answer.status_code != 401:
                open_paths.add(path)

    assert open_paths == free


def test_a_change_of_the_file_counts_at_once(folder: Path, keys: Path, serve: Serve) -> None:
    first = create_key(keys, "first", [Scope.SEARCH])
    client = serve(folder, keys=keys)
    assert client.get(SEARCH, headers=bearer(first)).status_code != 401

    second = create_key(keys, "second", [Scope.SEARCH])
    revoke_key(keys, "first")

    assert client.get(SEARCH, headers=bearer(first)).status_code == 401
    assert client.get(SEARCH, headers=bearer(second)).status_code != 401


def test_a_file_that_was_lost_lets_nobody_in(folder: Path, keys: Path, serve: Serve) -> None:
    token = create_key(keys, "web", [Scope.SEARCH])
    client = serve(folder, keys=keys)
    keys.unlink()

    answer = client.get(SEARCH, headers=bearer(token))

    assert (answer.status_code, answer.json()["code"]) == (503, "keys-unreadable")


def test_a_service_does_not_start_without_its_file(folder: Path, keys: Path, serve: Serve) -> None:
    with pytest.raises(ConfigError, match="lsr keys create"):
        serve(folder, keys=keys)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "search.example.org"])
def test_a_public_address_needs_keys(host: str) -> None:
    with pytest.raises(ConfigError, match="--insecure"):
        refuse_open_house(host, has_keys=False)
    refuse_open_house(host, has_keys=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_this_machine_needs_none(host: str) -> None:
    refuse_open_house(host, has_keys=False)


def test_no_key_is_named_in_an_answer(folder: Path, keys: Path, serve: Serve) -> None:
    token = create_key(keys, "web", [Scope.SEARCH])
    client: TestClient = serve(folder, keys=keys)

    for path in (SEARCH, "/metrics", "/v1/indexes/none/search?q=a"):
        answer = client.get(path, headers=bearer(token))
        assert token not in answer.text + str(answer.headers)
