"""The files of the page: how they are sent, and that they keep to the policy sent with them."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from lsr.retrieval import Index
from lsr.service.app import create_app

PAGE = Path(__file__).parents[2] / "service" / "page"
FILES = sorted(path.name for path in PAGE.iterdir())


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    path = tmp_path_factory.mktemp("root") / "pets"
    Index.build(path, [("a", {"cat": 1.0})])
    app = create_app([path])
    yield TestClient(app)
    app.state.writing.close()


@pytest.mark.parametrize(
    ("path", "name"),
    [("/", "index.html"), ("/docs", "reference.html"), *((f"/page/{one}", one) for one in FILES)],
)
def test_sends_each_file_as_what_it_is(client: TestClient, path: str, name: str) -> None:
    kinds = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg"}

    answer = client.get(path)

    assert answer.status_code == 200
    assert answer.content == (PAGE / name).read_bytes()
    assert answer.headers["content-type"].startswith(kinds[name.rpartition(".")[2]])
    assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_a_file_that_is_known_is_not_sent_again(client: TestClient) -> None:
    first = client.get("/page/main.js")

    again = client.get("/page/main.js", headers={"If-None-Match": f"W/{first.headers['etag']}"})
    other = client.get("/page/main.js", headers={"If-None-Match": '"another"'})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert other.status_code == 200
    assert first.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "name",
    ["nothing.js", "..%2fpage_routes.py", "%2e%2e%2fapp.py", "../app.py", "%00", "main.js%00"],
)
def test_nothing_else_is_sent(client: TestClient, name: str) -> None:
    answer = client.get(f"/page/{name}")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.inline_code = ""
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        if self._inside in ("script", "style"):
            self.inline_code += data.strip()


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".html")])
def test_html_holds_no_code_no_style_and_no_foreign_address(name: str) -> None:
    elements = _Elements()
    elements.feed((PAGE / name).read_text(encoding="utf-8"))

    assert elements.inline_code == ""
    for tag, attributes in elements.found:
        assert not [one for one in attributes if one == "style" or one.startswith("on")], tag
        for place in (attributes.get("href"), attributes.get("src")):
            assert place is None or not re.match(r"[a-z]+:|//", place), place


@pytest.mark.parametrize("name", FILES)
def test_no_file_names_another_host_or_makes_markup_of_text(name: str) -> None:
    source = (PAGE / name).read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")

    assert not re.search(r"https?://|\burl\(|@import", source)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", source)


def test_every_module_is_fetched_ahead() -> None:
    html = (PAGE / "index.html").read_text(encoding="utf-8")
    wanted, pending = set(), ["main.js"]
    while pending:
        name = pending.pop()
        if name not in wanted:
            wanted.add(name)
            pending += re.findall(r'from "\./([\w-]+\.js)"', (PAGE / name).read_text("utf-8"))

    assert set(re.findall(r'(?:href|src)="page/([\w-]+\.js)"', html)) == wanted
