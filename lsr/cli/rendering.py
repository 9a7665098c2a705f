"""How does a hit look to a reader? With the passage and the terms that explain its rank.

     1  scipy.interpolate.make_splrep(x, y, w, xb, ...)  12.81
        scipy/interpolate/_fitpack_repro.py:766
        Create a smoothing B-spline function with bounded error ...
        smooth 34% · curve 21% · +interpolation 12% · 9 more 33%

A plus marks a term that the model added to the query. Pieces of one word are one entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from lsr.highlighting import Highlight
    from lsr.hit_views import Contribution, HitView
    from lsr.retrieval import Halves

_SHOWN_TERMS = 6
_INDENT = " " * 5


def render_hits(query: str, hits: Sequence[HitView], console: Console) -> None:
    """Print hits under their query; colours and bold type appear on a terminal only."""
    console.print(Text(query, style="bold cyan"))
    for hit in hits:
        console.print()
        title = Text(hit.title or hit.doc_id, style="bold")
        _print(Text.assemble(title, f"  {hit.score:.2f}"), console, f"{hit.rank:>3}  ")
        if hit.where:
            _print(Text(hit.where, style="dim"), console)
        if hit.highlight.text:
            _print(_marked(hit.highlight), console)
        if hit.detailed and hit.halves:
            _print(_halves(hit.halves), console)
        if hit.contributions:
            _print(_shares(hit.contributions, detailed=hit.detailed), console)


def _print(text: Text, console: Console, first_indent: str = _INDENT) -> None:
    """Print indented; folded on a terminal, and a line a line for a pipe."""
    width = console.width - len(_INDENT) if console.is_terminal else len(text) + 1
    for number, line in enumerate(text.wrap(console, width)):
        line.rstrip()
        indented = Text.assemble(_INDENT if number else first_indent, line)
        console.print(indented, soft_wrap=True)


def _marked(highlight: Highlight) -> Text:
    passage = Text(highlight.text)
    for start, end in highlight.spans:
        passage.stylize("bold yellow", start, end)
    before = "" if highlight.is_first else "... "
    # A text that was cut brings its own dots.
    behind = "" if highlight.is_last or highlight.text.endswith("...") else " ..."
    return Text.assemble(before, passage, behind)


def _halves(halves: Halves) -> Text:
    """Return either half's score, and what became of it between 0 and 1."""
    parts = []
    for name, half in (("sparse", halves.sparse), ("dense", halves.dense)):
        score = "not found" if half.score is None else f"{half.score:.4g}"
        parts.append(Text(f"{name} {score} → {half.scaled:.2f}"))
    return Text(" · ").join(parts)


def _shares(contributions: Sequence[Contribution], *, detailed: bool) -> Text:
    shown = len(contributions) if detailed else _SHOWN_TERMS
    parts = [
        Text.assemble(
            (one.word if one.typed else f"+{one.word}", "green" if one.typed else "magenta"),
            f" {one.share:.0%}",
        )
        for one in contributions[:shown]
    ]
    others = contributions[shown:]
    if others:
        parts.append(Text(f"{len(others)} more {sum(one.share for one in others):.0%}"))
    return Text("\n" if detailed else " · ").join(parts)
