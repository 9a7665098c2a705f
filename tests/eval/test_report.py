import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from experiments import made_up_experiment
from lsr.errors import EvaluationError, InvalidInputError
from lsr.eval.measures import Evaluation
from lsr.eval.report import SYSTEMS, report_on_runs, report_on_systems

HOSTILE = (
    "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>|`*_[x](javascript:1) &amp; \u202e"
)


class Page(HTMLParser):
    """Collects tags, attributes and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The page of two systems whose names, and whose dataset's, are hostile."""
    folder = tmp_path_factory.mktemp("report")
    report_on_systems(folder, [made_up_experiment("plain", HOSTILE)])
    report_on_systems(folder, [made_up_experiment(HOSTILE, HOSTILE, (0.1, 0.9))])
    return Page((folder / "report.html").read_text())


def test_names_are_shown_as_they_are_and_never_run(page: Page) -> None:
    assert "script" not in page.tags
    assert page.tags.count("img") == 4
    assert not any(name.startswith("on") for name, _ in page.attributes)
    assert f"1 {HOSTILE}" in page.texts
    assert f"{HOSTILE} test" in page.texts


def test_the_page_needs_nothing_but_itself(page: Page) -> None:
    links = [value or "" for name, value in page.attributes if name in ("src", "href", "srcset")]
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

    assert links
    assert all(link.startswith("data:image/svg+xml;base64,") for link in links)
    assert ("http-equiv", "Content-Security-Policy") in page.attributes
    assert ("content", policy) in page.attributes
    assert not re.search(r"@import|url\(", "".join(page.texts))


def test_is_readable_on_a_phone_and_in_the_dark(page: Page) -> None:
    style = "".join(page.texts)

    assert ("content", "width=device-width, initial-scale=1") in page.attributes
    assert "overflow-x: auto" in style
    assert "prefers-color-scheme: dark" in style
    assert page.attributes.count(("media", "(prefers-color-scheme: dark)")) == 4


def test_systems_add_up_in_their_folder(tmp_path: Path) -> None:
    first = report_on_systems(tmp_path, [made_up_experiment("b", values=(0.5, 0.7))])
    second = report_on_systems(tmp_path, [made_up_experiment("a", values=(0.1, 0.9))])
    again = report_on_systems(tmp_path, [made_up_experiment("b", values=(0.2, 0.2))])

    assert (first, second, again) == (["b"], ["a", "b"], ["a", "b"])
    texts = Page((tmp_path / "report.html").read_text()).texts
    assert {"1 a", "2 b", "0.5000", "0.2000"} <= set(texts)
    assert "0.6000" not in texts
    # Differences 0.1 and -0.7.
    assert {"-0.3000", "1 / 0 / 1", "Against a"} <= set(texts)
    assert {path.name for path in tmp_path.iterdir()} == {
        *("report.html", "report.md", SYSTEMS),
        *("latency.svg", "terms.svg", "pareto.svg", "queries.svg"),
    }


def test_markdown_has_the_same_figures_and_escapes_names(tmp_path: Path) -> None:
    report_on_systems(tmp_path, [made_up_experiment(HOSTILE, "my|set")])

    text = (tmp_path / "report.md").read_text()

    assert text.startswith("# my\\|set test\n")
    assert "<script" not in text
    assert "<img" not in text
    assert "[x](javascript" not in text
    assert "| 0.6000 | 0 of 2 |" in text
    assert "![Queries by the time that they take, one at a time.](latency.svg)" in text
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines[:3]} == {4}


def test_other_queries_are_refused_and_nothing_is_changed(tmp_path: Path) -> None:
    report_on_systems(tmp_path, [made_up_experiment("a", "one")])
    before = (tmp_path / "report.html").read_bytes()

    with pytest.raises(EvaluationError, match=r"'a' in .* other queries, those of 'one'"):
        report_on_systems(tmp_path, [made_up_experiment("b", "two", (0.1, 0.2, 0.3))])

    assert (tmp_path / "report.html").read_bytes() == before
    assert len(list((tmp_path / SYSTEMS).iterdir())) == 1


def test_only_measures_that_all_have_are_shown(tmp_path: Path) -> None:
    first = made_up_experiment("a")
    values = first.index.per_query["nDCG@10"]
    more = Evaluation({"nDCG@10": 0.6, "RR": 0.25}, {"nDCG@10": values, "RR": values}, 0)
    other = Evaluation({"RR": 0.25}, {"RR": values}, 0)
    report_on_systems(tmp_path, [first])

    report_on_systems(tmp_path, [replace(first, system="b", index=more)])

    assert "RR" not in Page((tmp_path / "report.html").read_text()).texts
    with pytest.raises(EvaluationError, match="were not measured by RR; name one"):
        report_on_systems(tmp_path, [replace(first, system="c", index=other)])


def test_runs_are_reported_without_times(tmp_path: Path) -> None:
    evaluations = {name: made_up_experiment(name).index for name in ("x", "y")}

    report_on_runs(tmp_path / "deep" / "er", "qrels.txt", evaluations)

    page = Page((tmp_path / "deep" / "er" / "report.html").read_text())
    assert {"qrels.txt", "1 x", "2 y", "Against x"} <= set(page.texts)
    assert "Time" not in page.texts


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(InvalidInputError, match=r"folder .*file/systems for the report cannot"):
        report_on_systems(tmp_path / "file", [made_up_experiment()])
