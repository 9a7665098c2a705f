"""No name that a client sends leads out of the folder of indexes, on any path."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from fastapi import FastAPI

from lsr.retrieval import Index
from lsr.service.app import create_app
from lsr.service.settings import Settings

PROJECT = Path(__file__).parents[2]
READ_ANYWAY = [Path(sys.prefix), Path(sys.base_prefix), PROJECT, Path("/proc"), Path("/sys")]

_opened: list[str] | None = None


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _opened is not None and (event == "open" or event.startswith(("os.", "shutil."))):
        _opened.extend(str(one) for one in arguments if isinstance(one, (str, bytes, Path)))


sys.addaudithook(_watch)


@pytest.fixture
def opened() -> Iterator[list[str]]:
    """Collects every path that is opened, listed, made, moved or removed."""
    global _opened
    _opened = []
    yield _opened
    _opened = None


def hostile_names(outside: Path) -> list[str]:
    """Return names, as they stand in an address, that mean something to some file system."""
    up = ["..", "../..", "../outside", "../../etc/passwd", "../outside/secret", "./../outside"]
    up += ["pets/../../outside", "pets/../outside", "link/..", ".", "./pets", "pets/.", "...."]
    up += ["../root/pets", "../../../../../../tmp", "link/segments"]
    names = []
    for name in up:
        encoded = quote(name, safe="").replace(".", "%2e")
        names += [name, encoded, encoded.upper(), encoded.replace("%", "%25")]
        names += [name.replace("/", "\\"), name.replace("/", "%5c"), name.replace("/", "%252f")]
        names += [name.replace("/", mark) for mark in ("%ef%bc%8f", "%e2%88%95", "%c0%af", "//")]
    names += [quote(str(outside), safe=""), str(outside), f"/{outside}", f"file:%2f%2f{outside}"]
    names += ["/etc/passwd", "%2fetc%2fpasswd", "C:%5cWindows", "C:", "%5c%5cserver%5cshare", "~"]
    names += ["~root", "$HOME", "${HOME}", "%25HOME%25", "`id`", "|id", ";id", "*", "%3f"]
    names += ["pets%00", "pets%00.json", "%00", "..%00/", "pets%0a", "pets%0d%0a", "%7f", "%1b"]
    names += ["x" * 65, "x" * 300, "%c3%a9", "%f0%9f%98%80", "%ff%fe", "%ed%a0%80", "%e2%80%ae"]
    names += ["CON", "NUL", "AUX.txt", "COM1", "LPT1.json", "PETS", "Pets", "pets.", "pets%20"]
    names += ["%20pets", "pets..", "pets%2e", "pets~1", "PETS~1", "pets::$DATA", "pets:stream"]
    names += ["-pets", "_pets", ".service", ".snapshots", ".deleted", ".hidden", "pets.json"]
    names += [
        "link",
        "link%2fsecret",
        "pets%2fsegments",
        "pets%2fmanifest.json",
        "pets%2fwrite.lock",
    ]
    return list(dict.fromkeys(names))


@pytest.fixture
def app(tmp_path: Path) -> Iterator[FastAPI]:
    root = tmp_path / "root"
    Index.build(root / "pets", [("a", {"cat": 1.0})])
    Index.build(tmp_path / "outside" / "secret", [("a", {"cat": 1.0})])
    (root / "link").symlink_to(tmp_path / "outside" / "secret")
    (root / ".snapshots" / "pets").mkdir(parents=True)
    (root / ".snapshots" / "pets" / "link").symlink_to(tmp_path / "outside" / "secret")
    app = create_app([root], Settings(log_requests=False))
    yield app
    app.state.writing.close()
    app.state.searching.close()


async def answer(app: FastAPI, method: str, path: str, body: object, kind: str) -> tuple[int, str]:
    """Send a request whose path nothing has tidied up; return status and media type."""
    said: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}

    async def send(message: Any) -> None:
        said.append(message)

    raw, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(raw, errors="surrogateescape"),
        "raw_path": raw.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"localhost"), (b"content-type", kind.encode())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    await app(scope, receive, send)
    headers = dict(said[0]["headers"])
    return said[0]["status"], headers.get(b"content-type", b"").decode()


VECTOR = {"vector": {"cat": 1}}


def requests_with(name: str) -> Iterator[tuple[str, str, object, str]]:
    """Yield method, path, body and its type of each request in which a client names something."""
    lines, values = "application/x-ndjson", "application/json"
    base = f"/v1/indexes/{name}"
    yield "GET", base, None, values
    yield "PUT", base, {}, values
    yield "DELETE", base, None, values
    yield "GET", f"{base}/search?q=cat", None, values
    yield "POST", f"{base}/search", VECTOR, values
    yield "POST", f"{base}/search/batch", {"searches": [VECTOR]}, values
    yield "POST", f"{base}/explain", {"id": "a", **VECTOR}, values
    yield "GET", f"{base}/fields", None, values
    yield "POST", f"{base}/documents?wait=true", {"id": "b", **VECTOR}, lines
    yield "POST", f"{base}/documents/delete?wait=true", "a", lines
    yield "GET", f"{base}/documents/a", None, values
    yield "DELETE", f"{base}/documents/a", None, values
    yield "POST", f"{base}/snapshots", None, values
    yield "GET", f"{base}/snapshots", None, values
    yield "POST", f"{base}/restore", {"snapshot": "link", "of": "pets"}, values
    yield "GET", f"/v1/indexes/pets/documents/{name}", None, values
    yield "DELETE", f"/v1/indexes/pets/documents/{name}", None, values
    yield "DELETE", f"/v1/indexes/pets/snapshots/{name}", None, values
    yield "GET", f"/v1/tasks/{name}", None, values
    yield "GET", f"/v1/tasks/{name}/results", None, values
    for said in {name, unquote(name, errors="replace")}:
        yield "POST", "/v1/encode", {"texts": ["cat"], "index": said}, values
        yield "POST", "/v1/encode", {"texts": ["cat"], "model": said}, values
        yield "PUT", "/v1/indexes/new", {"model": said}, values
        yield "POST", "/v1/indexes/pets/snapshots", {"snapshot": said}, values
        yield "POST", "/v1/indexes/new/restore", {"snapshot": said, "of": "pets"}, values
        yield "POST", "/v1/indexes/new/restore", {"snapshot": "s", "of": said}, values


def test_no_name_leads_out_of_the_folder(app: FastAPI, tmp_path: Path, opened: list[str]) -> None:
    root = tmp_path / "root"
    names = hostile_names(tmp_path / "outside" / "secret")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "outside").rglob("*")}
    opened.clear()

    async def all_answers() -> list[tuple[int, str, str]]:
        found = []
        for name in names:
            for method, path, body, kind in requests_with(name):
                status, media_type = await answer(app, method, path, body, kind)
                found.append((status, media_type, f"{method} {path} {body}"))
        return found

    answers = asyncio.run(all_answers())
    used = set(opened)

    odd = [one for one in answers if one[0] not in (400, 404, 405, 409, 422)]
    allowed = {"POST /v1/indexes/pets/snapshots {'snapshot': 'link'}"}  # it is a name like others
    assert [one for one in odd if one[2] not in allowed] == []
    assert {media_type for _, media_type, _ in answers} == {"application/problem+json"}
    places = [root, *READ_ANYWAY]
    outside = [
        path
        for path in used
        if path.startswith("/") and not any(Path(path).is_relative_to(one) for one in places)
    ]
    assert outside == []
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "outside").rglob("*")}
    assert after == before
    assert sorted(one.name for one in root.iterdir() if one.name[0] != ".") == ["link", "pets"]
    assert len(names) >= 200
