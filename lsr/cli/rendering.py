"""How does a hit look to a reader? With the passage and the terms that explain its rank.

     1  scipy.interpolate.make_splrep(x, y, w, xb, ...)  12.81
        scipy/interpolate/_fitpack_repro.py:766
        Create a smoothing B-spline function with bounded error ...
        smooth 34% · curve 21% · +interpolation 12% · 9 more 33%

A plus marks a term that the model added to the query. Pieces of one word are one entry.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Console
from rich.text import Text

from lsr.conversations import Conversation, Question, question_text
from lsr.highlighting import Highlight, best_passage
from lsr.index import EXACT, Approximation
from lsr.retrieval import WordShare, word_shares
from lsr.term_names import name_reader
from lsr.words import TermSpan, Word, words_of

if TYPE_CHECKING:
    from lsr.retrieval import Explanation, Halves, Hit, Index

_SHOWN_TERMS = 6
_INDENT = " " * 5
_WORD = re.compile(r"\w+")


class Contribution(NamedTuple):
    """What one word adds to a score.

    Attributes:
        word: a word of the query, or the name of a term.
        share: its part of the score, from 0 to 1.
        typed: whether it stands in the query; else the model added it.
    """

    word: str
    share: float
    typed: bool


@dataclass(frozen=True, slots=True)
class HitView:
    """A hit as it is shown.

    Attributes:
        rank: from 1.
        score: the document's score.
        doc_id: the document's id.
        title: may be empty; the id then stands in its place.
        where: where to read on, such as ``json/decoder.py:254``; may be empty.
        highlight: the passage that shows most of the score.
        contributions: the words of the score, largest share first.
        detailed: whether to show all of them, one a line.
        halves: what a hybrid search has made the score of; the contributions then are those to the
            sparse half.
    """

    rank: int
    score: float
    doc_id: str
    title: str
    where: str
    highlight: Highlight
    contributions: Sequence[Contribution]
    detailed: bool = False
    halves: Halves | None = None

    def as_dict(self) -> dict[str, object]:
        """Return the view as JSON values."""
        return {
            "rank": self.rank,
            "score": self.score,
            "id": self.doc_id,
            "title": self.title,
            "where": self.where,
            "passage": self.highlight.text,
            "highlights": [list(span) for span in self.highlight.spans],
            "contributions": [one._asdict() for one in self.contributions],
        }


def hit_views(
    index: Index,
    query: Question | Mapping[str, float],
    hits: Sequence[Hit],
    *,
    detailed: bool = False,
    approximation: Approximation = EXACT,
) -> list[HitView]:
    """Prepare the hits of one query for display.

    Args:
        index: where they were found.
        query: what the user said, or a vector, all of whose terms then count as typed.
        hits: what the search returned.
        detailed: show every term with its weights instead of the first few shares.
        approximation: what the search was allowed to give up.
    """

    def explained(query: Mapping[str, float]) -> list[Explanation]:
        return [index.explain(query, hit.doc_id, approximation=approximation) for hit in hits]

    spans: Callable[[str], Sequence[TermSpan]]
    words: list[Word] | None
    if isinstance(query, (str, Conversation)):
        vector = index.vector_of(query)
        spans = index.term_spans
        read = question_text(query, index.encoder.separator)
        words = words_of(read, spans(read))
        readable = name_reader(index.searcher.vocabulary.names)
        # By name: an index may number its terms in another way than the encoder.
        name = index.searcher.vocabulary.name
        terms, weights = vector.row(0)
        explanations = explained(
            {
                name(term): weight
                for term, weight in zip(terms.tolist(), weights.tolist(), strict=True)
            }
        )
    else:
        # The encoder is not loaded for its tokenizer alone: a vector needs no model.
        words, readable = None, str
        explanations = explained(query)
        names = {one.term: one.term_id for explanation in explanations for one in explanation.terms}
        spans = _literal_spans(names)
    return [
        _view(
            hit,
            {one.term_id: one.product for one in explanation.terms if one.product > 0},
            [row for row in word_shares(explanation, words, None, readable) if row.product > 0],
            spans,
            detailed,
        )
        for hit, explanation in zip(hits, explanations, strict=True)
    ]


def _view(
    hit: Hit,
    products: Mapping[int, float],
    words: Sequence[WordShare],
    spans: Callable[[str], Sequence[TermSpan]],
    detailed: bool,
) -> HitView:
    document = hit.document
    file, line = document.metadata.get("file"), document.metadata.get("line")
    return HitView(
        rank=hit.rank,
        score=hit.score,
        doc_id=hit.doc_id,
        title=document.title,
        where=f"{file}:{line}" if file and line else "",
        highlight=best_passage(document.text, products, spans),
        contributions=[Contribution(row.word, row.share, row.typed) for row in words],
        detailed=detailed,
        halves=hit.halves,
    )


def _literal_spans(names: Mapping[str, int]) -> Callable[[str], list[TermSpan]]:
    """Return a function that finds the words of a text that are the names of terms."""

    def spans(text: str) -> list[TermSpan]:
        words = ((match.group().lower(), *match.span()) for match in _WORD.finditer(text))
        return [(names[word], start, end) for word, start, end in words if word in names]

    return spans


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
