import io
import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from command import lsr
from lsr.cli.rendering import render_hits
from lsr.highlighting import Highlight
from lsr.hit_views import Contribution, HitView, hit_views
from lsr.retrieval import Index
from lsr.sparse import SparseBatch
from word_encoder import WORDS, WordEncoder

PASSAGE = "Fit a smooth curve to points. " * 6
VIEW = HitView(
    rank=1,
    score=12.345,
    doc_id="pack.fit",
    title="pack.fit(x, y)",
    where="pack/fit.py:12",
    highlight=Highlight(PASSAGE, 7, 7 + len(PASSAGE), ((6, 12), (13, 18)), False, False),
    contributions=[Contribution("curve", 0.6, True), Contribution("spline", 0.25, False)]
    + [Contribution(f"rest{number}", 0.025, True) for number in range(6)],
)


def rendered(*hits: HitView, terminal: bool = False) -> str:
    file = io.StringIO()
    render_hits("smooth curve", hits, Console(file=file, force_terminal=terminal, width=60))
    return file.getvalue()


def test_plain_output_is_one_line_a_part() -> None:
    assert rendered(VIEW).splitlines() == [
        "smooth curve",
        "",
        "  1  pack.fit(x, y)  12.35",
        "     pack/fit.py:12",
        f"     ... {PASSAGE.strip()}  ...",
        "     curve 60% · +spline 25% · rest0 2% · rest1 2% · rest2 2% · rest3 2% · 2 more 5%",
    ]


def test_terminal_output_is_folded_and_styled() -> None:
    lines = rendered(VIEW, terminal=True).splitlines()

    assert any("\x1b[1;33msmooth\x1b[0m" in line for line in lines)
    assert len(lines) > 7


def test_detailed_hit_shows_every_term() -> None:
    lines = rendered(
        HitView(1, 1.0, "d", "", "", VIEW.highlight, VIEW.contributions, detailed=True)
    ).splitlines()

    assert lines[-8:-5] == ["     curve 60%", "     +spline 25%", "     rest0 2%"]


def test_markup_in_documents_is_not_interpreted() -> None:
    view = HitView(1, 1.0, "d", "list[int] [bold]x[/bold]", "", VIEW.highlight, [])

    assert "list[int] [bold]x[/bold]" in rendered(view)


def test_hits_of_a_vector_query_name_only_matching_terms(tmp_path: Path) -> None:
    documents = [("a", {"cat": 2.0, "milk": 1.0}), ("b", {"dog": 2.0})]
    index = Index.build(tmp_path / "index", documents)
    query = {"cat": 1.0, "dog": 1.0}

    views = hit_views(index, query, index.search(query))

    assert [[one.word for one in view.contributions] for view in views] == [["cat"], ["dog"]]
    assert views[0].contributions[0].share == pytest.approx(1.0)
    assert views[0].highlight.text == ""


def test_pieces_of_a_word_are_one_contribution_and_mark_it(tmp_path: Path) -> None:
    class Pieces(WordEncoder):
        """Knows the word "applebread" as two pieces."""

        def term_spans(self, text: str) -> list[tuple[int, int, int]]:
            found = [(one.start(), one.group()) for one in re.finditer("apple|bread|fig", text)]
            return [(WORDS.index(word), at, at + len(word)) for at, word in found]

        def encode_queries(self, texts: Sequence[str]) -> SparseBatch:
            return super().encode_queries([re.sub("apple|bread", r" \g<0> fig ", texts[0])])

    # Named otherwise than by the encoder's numbers, as vectors from elsewhere are.
    Index.build(tmp_path / "idx", [("x", {"fig": 1.0, "bread": 2.0, "apple": 1.0})])
    index = Index.open(tmp_path / "idx", encoder=Pieces())

    (view,) = hit_views(index, "applebread", index.search("applebread"))

    assert [(one.word, one.typed) for one in view.contributions] == [
        ("applebread", True),
        ("fig", False),
    ]
    assert sum(one.share for one in view.contributions) == pytest.approx(1.0)


def test_marks_are_found_in_an_index_that_numbers_terms_in_its_own_way(tmp_path: Path) -> None:
    class Pieces(WordEncoder):
        def term_spans(self, text: str) -> list[tuple[int, int, int]]:
            found = [(one.start(), one.group()) for one in re.finditer(r"\w+", text)]
            return [(WORDS.index(word), at, at + len(word)) for at, word in found if word in WORDS]

    lines = [{"id": "x", "text": "a fig with bread", "vector": {"fig": 1.0, "bread": 2.0}}]
    (tmp_path / "docs.jsonl").write_text("".join(json.dumps(line) for line in lines))
    assert lsr("index", "docs.jsonl", "--index", "idx", cwd=tmp_path).code == 0
    index = Index.open(tmp_path / "idx", encoder=Pieces())

    (view,) = hit_views(index, "bread", index.search("bread"))

    assert [view.highlight.text[low:high] for low, high in view.highlight.spans] == ["bread"]
