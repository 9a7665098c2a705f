"""Which words make a score? Shares of terms, gathered by the words that they are pieces of.

A model weights each term once, however many words of a text it is a piece of. So each term counts
in one row, and the rows add up to the score: pieces that occur in the same words are a row, named
after the word that they are all of. A piece that other words have, too, is a row of its own.

A term may stand in the query, in the document, in both or in neither: a learned encoder adds terms
to either side. Rows are made by the words of the query, then by those of the document; a term that
neither holds is a row by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lsr.conversations import Conversation, question_text
from lsr.retrieval.hits import Explanation, TermShare
from lsr.retrieval.passage_shares import PassageShare, passage_shares
from lsr.retrieval.query_vectors import QueryLike
from lsr.retrieval.reader import IndexReader
from lsr.words import Word, words_of


@dataclass(frozen=True, slots=True)
class WordShare:
    """What a word adds to a score, or a term that is in no word.

    Attributes:
        word: as it is written; where the terms are not all of a word, their names.
        terms: its terms, in the order of the word.
        names: of the terms, as they are written for a reader.
        product: sum of the terms' products.
        share: its part of the score.
        typed: whether it stands in the query; else the model added it.
        query_words: words of the query that hold any of the terms.
        document_words: words of the document that do; None if its words are not known.
    """

    word: str
    terms: tuple[TermShare, ...]
    names: tuple[str, ...]
    product: float
    share: float
    typed: bool
    query_words: tuple[Word, ...]
    document_words: tuple[Word, ...] | None


@dataclass(frozen=True, slots=True)
class WordExplanation:
    """Why a document has its score, in words.

    Attributes:
        explanation: the same by terms.
        words: the rows, largest product first.
        query_text: what the query's offsets count in; empty if it is a vector.
        typed: ids of the terms that stand in the query.
        in_document: ids of those that stand in the document; None if its words are not known.
        passages: what each passage of the document adds; None if it was read as one, or the query
            is a vector.
    """

    explanation: Explanation
    words: list[WordShare]
    query_text: str
    typed: frozenset[int]
    in_document: frozenset[int] | None
    passages: list[PassageShare] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the explanation as JSON values."""
        explanation, known = self.explanation, self.in_document
        return {
            "id": explanation.doc_id,
            "score": explanation.score,
            "query_text": self.query_text,
            "terms": [
                {
                    **asdict(share),
                    "typed": share.term_id in self.typed,
                    "in_document": None if known is None else share.term_id in known,
                }
                for share in explanation.terms
            ],
            "words": [
                {
                    "word": row.word,
                    "terms": [share.term for share in row.terms],
                    "product": row.product,
                    "share": row.share,
                    "typed": row.typed,
                    "query_words": _places(row.query_words),
                    "document_words": None if known is None else _places(row.document_words or ()),
                }
                for row in self.words
            ],
            "passages": self.passages,
        }


def explain_in_words(index: IndexReader, query: QueryLike, doc_id: str) -> WordExplanation:
    """Return what the words of a query and of a document add to its score.

    Offsets in the document count from the start of its title, which a space parts from its text.

    Args:
        index: holds the document.
        query: a text or a `Conversation`; or a vector, all of whose terms then count as typed, and
            are rows by themselves: no model is loaded to tell of words.
        doc_id: the document's id.

    Raises:
        InvalidInputError: the index has no document of this id.
    """
    explanation = index.explain(query, doc_id)
    terms = frozenset(one.term_id for one in explanation.terms)
    if not isinstance(query, (str, Conversation)):
        return WordExplanation(
            explanation, word_shares(explanation, None, None, str), "", terms, None
        )
    read = question_text(query, index.encoder.separator)
    query_words = words_of(read, index.term_spans(read))
    text = _text_of(index, doc_id)
    document_words = words_of(text, index.term_spans(text)) if text else None
    readable = index.searcher.vocabulary.readable
    return WordExplanation(
        explanation,
        word_shares(explanation, query_words, document_words, readable),
        read,
        terms & _terms_of(query_words),
        None if document_words is None else terms & _terms_of(document_words),
        passage_shares(explanation, index.encoder, text),
    )


def word_shares(
    explanation: Explanation,
    query_words: Sequence[Word] | None,
    document_words: Sequence[Word] | None,
    readable: Callable[[str], str],
) -> list[WordShare]:
    """Gather the terms of a score by words, largest product first.

    Args:
        explanation: of the score; every one of its terms is in one row.
        query_words: of the query, with the terms of the index; None if it is a vector, all of whose
            terms are typed.
        document_words: of the document likewise; None if they are not known.
        readable: writes the name of a term.
    """
    scored = {one.term_id for one in explanation.terms}
    of_query = _Occurrences(query_words or (), scored)
    of_document = _Occurrences(document_words or (), scored)
    rows: dict[object, list[TermShare]] = {}
    for one in explanation.terms:
        sides = [side for side in (of_query, of_document) if side.forms(one.term_id)]
        key = (sides[0] is of_query, sides[0].forms(one.term_id)) if sides else one.term_id
        rows.setdefault(key, []).append(one)
    found = []
    for terms in rows.values():
        ids = {one.term_id for one in terms}
        in_query, in_document = of_query.words(ids), of_document.words(ids)
        word, order = (of_query if in_query else of_document).whole_word(ids)
        terms.sort(key=lambda one: order.get(one.term_id, 0))
        names = tuple(readable(one.term) for one in terms)
        found.append(
            WordShare(
                word=word or " ".join(names),
                terms=tuple(terms),
                names=names,
                product=math.fsum(one.product for one in terms),
                share=math.fsum(one.share for one in terms),
                typed=bool(in_query) or query_words is None,
                query_words=in_query,
                document_words=None if document_words is None else in_document,
            )
        )
    return sorted(found, key=lambda row: -row.product)


class _Occurrences:
    """The words of a text, by the scored terms that they hold; upper and lower case are one."""

    def __init__(self, words: Sequence[Word], scored: set[int]) -> None:
        # Of a long document most words hold none.
        self._words = [word for word in words if not scored.isdisjoint(word.terms)]
        self._forms: dict[int, set[str]] = {}
        self._terms: dict[str, dict[int, int]] = {}  # of a form, numbered in their order
        for word in self._words:
            form = word.text.casefold()
            for term in word.terms:
                if term in scored:
                    self._forms.setdefault(term, set()).add(form)
                    numbers = self._terms.setdefault(form, {})
                    numbers.setdefault(term, len(numbers))

    def forms(self, term: int) -> frozenset[str]:
        """Return the different words that a term is a piece of."""
        return frozenset(self._forms.get(term, ()))

    def words(self, terms: set[int]) -> tuple[Word, ...]:
        """Return every word that holds any of the terms, in order."""
        if self._forms.keys().isdisjoint(terms):
            return ()
        return tuple(word for word in self._words if not terms.isdisjoint(word.terms))

    def whole_word(self, terms: set[int]) -> tuple[str, Mapping[int, int]]:
        """Return the word that has these scored terms and no others, and their order in it."""
        if self._forms.keys().isdisjoint(terms):
            return "", {}
        for word in self._words:
            order = self._terms[word.text.casefold()]
            if order.keys() == terms:
                return word.text, order
        return "", {}


def _text_of(index: IndexReader, doc_id: str) -> str:
    number = index.searcher.doc_number(doc_id)
    assert number is not None, "explained above"
    return index.encoded_text(index.searcher.document(number))


def _terms_of(words: Sequence[Word]) -> frozenset[int]:
    return frozenset(term for word in words for term in word.terms)


def _places(words: Sequence[Word]) -> list[dict[str, Any]]:
    return [{"text": word.text, "start": word.start, "end": word.end} for word in words]
