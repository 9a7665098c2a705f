"""An index that turns out to be damaged is taken out of service, and nothing else is."""

import os
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from lsr.retrieval import Index
from serving import Serve

VECTOR = {"vector": {"cat": 1.0}}
REQUESTS: list[tuple[str, str, dict[str, Any] | None]] = [
    ("POST", "search", VECTOR | {"fields": []}),
    ("POST", "search", VECTOR),
    ("POST", "search/batch", {"searches": [VECTOR]}),
    ("POST", "explain", VECTOR | {"id": "a"}),
    ("GET", "documents/a", None),
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("sound", "torn"):
        documents: list[Any] = [("a", {"cat": 2.0, "milk": 1.0}), ("b", {"dog": 2.0})]
        Index.build(tmp_path / "root" / name, documents)
    return tmp_path / "root"


def ask(client: TestClient, name: str, method: str, path: str, body: Any) -> Any:
    return client.request(method, f"/v1/indexes/{name}/{path}", json=body)


@pytest.mark.parametrize(("method", "path", "body"), REQUESTS)
def test_a_damaged_index_is_taken_out_of_service(
    method: str, path: str, body: Any, root: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lsr.service.warming._ask", lambda index: None)  # which would find it
    client = serve(root)
    files = [one for one in (root / "torn" / "segments").iterdir() if one.is_file()]
    whole = {file: file.read_bytes() for file in files}
    for file, content in whole.items():
        with file.open("r+b") as mapped:  # in place: the service has mapped these bytes
            mapped.write(bytes(255 - byte for byte in content))

    first = ask(client, "torn", method, path, body)
    again = ask(client, "torn", method, path, body)

    problem = first.json()["answers"][0] if "answers" in first.json() else first.json()
    assert (problem["status"], problem["code"]) == (503, "index-corrupt")
    assert (again.status_code, again.json()["code"]) == (503, "index-quarantined")
    assert client.get("/readyz").json()["quarantined"] == ["torn"]
    assert str(root) not in first.text
    assert "the index 'torn' is damaged" in problem["detail"]
    assert ask(client, "sound", method, path, body).status_code == 200

    for file, content in whole.items():
        with file.open("r+b") as mapped:
            mapped.write(content)
    os.utime(root / "torn" / "manifest.json")  # as a commit or a restore would

    assert ask(client, "torn", method, path, body).status_code == 200
    assert client.get("/readyz").json()["quarantined"] == []
