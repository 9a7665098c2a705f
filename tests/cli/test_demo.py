"""`lsr demo` with the small model on a few documents."""

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

import lsr.demo.docstrings as corpus
from lsr.cli.demo import demo as demo_command
from lsr.documents import Document
from lsr.errors import IndexExistsError
from lsr.retrieval import Index

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("cognition") is None, reason="splade-tiny is not installed"
)

TEXTS = {
    "timeit": "Tool for measuring execution time of small code snippets.",
    "scipy.interpolate.splrep": "Find the smooth B-spline representation of a 1-D curve.",
    "networkx.shortest_path": "Compute shortest paths in the graph between two nodes.",
}


@pytest.fixture
def few_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    def documents() -> Iterator[Document]:
        for doc_id, text in TEXTS.items():
            yield Document(doc_id, doc_id, text, {"file": f"{doc_id}.py", "line": 7})

    monkeypatch.setattr(corpus, "docstring_documents", documents)


def demo(folder: Path, *options: str) -> Result:
    app = typer.Typer()
    app.command()(demo_command)
    return CliRunner().invoke(app, ["--index", str(folder), *options])


@pytest.mark.usefixtures("few_documents")
def test_answers_explain_themselves_and_lead_on(tmp_path: Path) -> None:
    result = demo(tmp_path / "index")

    assert result.exit_code == 0, result.output
    assert "Indexed 3 docstrings" in result.output
    for doc_id in TEXTS:
        assert f"  1  {doc_id}" in result.output
    assert "timeit.py:7" in result.output
    assert "%" in result.output
    assert 'lsr explain "measure how long a small piece of code takes to run" timeit --index ' in (
        result.output
    )


@pytest.mark.usefixtures("few_documents")
def test_repeated_demo_uses_its_index_until_packages_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "index"

    def n_added(*options: str) -> int:
        return int(json.loads(demo(folder, "--json", *options).stdout)["n_added"])

    counts = [n_added(), n_added(), n_added("--rebuild")]
    monkeypatch.setattr(corpus, "corpus_fingerprint", lambda: "other packages")
    counts.append(n_added())

    assert counts == [3, 0, 3, 3]
    assert Index.open(folder).info()["n_docs"] == 3


@pytest.mark.usefixtures("few_documents")
def test_json_holds_passages_and_contributions(tmp_path: Path) -> None:
    report = json.loads(demo(tmp_path / "index", "--json").stdout)

    best = report["questions"][0]["hits"][0]
    assert best["id"] == "timeit"
    assert best["where"] == "timeit.py:7"
    start, end = best["highlights"][0]
    assert best["passage"][start:end].isalpha()
    assert sum(one["share"] for one in best["contributions"]) == pytest.approx(1.0)
    assert {one["typed"] for one in best["contributions"]} == {True, False}


def test_index_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    Index.build(tmp_path / "index", [("a", {"cat": 1.0})])

    result = demo(tmp_path / "index", "--rebuild")

    assert isinstance(result.exception, IndexExistsError)
    assert Index.open(tmp_path / "index").info()["n_docs"] == 1
