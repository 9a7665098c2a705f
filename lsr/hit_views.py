"""What of a hit does a reader want to see? The passage and the words that explain its rank.

The command line prints such views, and the service sends them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from lsr.conversations import Conversation, Question, question_text
from lsr.documents import Document
from lsr.highlighting import Highlight, best_passage
from lsr.words import TermSpan, Word, words_of

if TYPE_CHECKING:  # who only shows what a service has found waits for no index
    from lsr.index import Approximation
    from lsr.retrieval import Explanation, Halves, Hit, Index, WordShare

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
    approximation: Approximation | None = None,
) -> list[HitView]:
    """Prepare the hits of one query for display.

    Args:
        index: where they were found.
        query: what the user said, or a vector, all of whose terms then count as typed.
        hits: what the search returned.
        detailed: show every term with its weights instead of the first few shares.
        approximation: what the search was allowed to give up; None for nothing.
    """
    from lsr.index import EXACT
    from lsr.retrieval import word_shares

    given_up = approximation or EXACT

    def explained(query: Mapping[str, float]) -> list[Explanation]:
        return index.explain_all(query, [hit.doc_id for hit in hits], approximation=given_up)

    spans: Callable[[str], Sequence[TermSpan]]
    words: list[Word] | None
    if isinstance(query, (str, Conversation)):
        vector = index.vector_of(query)
        spans = index.term_spans
        read = question_text(query, index.encoder.separator)
        words = words_of(read, spans(read))
        readable = index.searcher.vocabulary.readable
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


def where_to_read_on(document: Document) -> str:
    """Return the file and line that a document names, such as ``json/decoder.py:254``, or ""."""
    file, line = document.metadata.get("file"), document.metadata.get("line")
    return f"{file}:{line}" if file and line else ""


def _view(
    hit: Hit,
    products: Mapping[int, float],
    words: Sequence[WordShare],
    spans: Callable[[str], Sequence[TermSpan]],
    detailed: bool,
) -> HitView:
    document = hit.document
    return HitView(
        rank=hit.rank,
        score=hit.score,
        doc_id=hit.doc_id,
        title=document.title,
        where=where_to_read_on(document),
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
