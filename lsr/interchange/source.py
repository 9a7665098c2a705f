"""What leaves an index? Vectors of documents, or posting lists, as another tool can hold them.

Whatever the tool cannot hold is refused with the document and the term.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.documents import Document
from lsr.errors import InvalidInputError
from lsr.index import PostingList, Searcher, StoredRange, posting_lists, stored_ranges
from lsr.interchange.values import Holds, ValueCode

TermProblem = Callable[[str], str | None]
"""Says what keeps a tool from holding a term of this name, as the end of a sentence."""


@dataclass(frozen=True, slots=True, eq=False)
class SourceRange:
    """The documents of a range, deleted ones left out.

    Attributes:
        doc_ids: their ids.
        indptr: shape (n_docs + 1,), rows of `terms` and `values`.
        terms: term ids, rising in each document.
        values: integers or float32.
        stored: what the index says of them.
    """

    doc_ids: Sequence[str]
    indptr: NDArray[np.int64]
    terms: NDArray[np.uint32]
    values: NDArray[Any]
    stored: StoredRange


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """What must be known before the first posting list is written.

    Attributes:
        doc_lengths: shape (n_docs,), sum of each document's values.
        n_terms: shape (n_docs,), terms of each document.
        list_sizes: shape (vocabulary,), documents of each term.
    """

    doc_lengths: NDArray[np.int64]
    n_terms: NDArray[np.int64]
    list_sizes: NDArray[np.int64]


class Source:
    """An index on its way out.

    Args:
        searcher: the commit to write.
        code: how weights are written.
        tool: what is written for, in messages.
        holds: numbers that the tool can hold.
        term_problem: what is wrong with a term's name for the tool.
        progress: told of documents as they are written.
    """

    def __init__(
        self,
        searcher: Searcher,
        code: ValueCode,
        tool: str,
        holds: Holds,
        term_problem: TermProblem,
        progress: Callable[[int], None],
    ) -> None:
        self.searcher = searcher
        self.code = code
        self.tool = tool
        self.n_docs = searcher.n_docs
        self.n_postings = 0
        self.max_value = 0.0
        self.progress = progress
        vocabulary = searcher.vocabulary
        self.names = vocabulary.names or [str(number) for number in range(vocabulary.n_terms)]
        self._holds = holds
        self._term_problem = term_problem
        self._is_known = np.zeros(len(self.names), dtype=np.bool_)

    def ranges(self) -> Iterator[SourceRange]:
        """Yield all documents, range by range, having looked whether the tool can hold them.

        Raises:
            InvalidInputError: it cannot hold a term or a weight.
            CorruptIndexError: the index is damaged.
        """
        self.n_postings = 0
        for stored in stored_ranges(self.searcher):
            indptr, terms, held = stored.rows
            values = self.code.code(held)
            one = SourceRange(stored.doc_ids, indptr, terms, values, stored)
            self._check_values(one)
            self._check_terms(one)
            self.n_postings += terms.size
            self.max_value = max(self.max_value, float(values.max(initial=0)))
            yield one

    def documents(self) -> Iterator[tuple[Document, list[int], list[Any]]]:
        """Yield each document as it is stored, its terms and its values; see `ranges`."""
        for one in self.ranges():
            ends = one.indptr.tolist()
            for row, document in enumerate(one.stored.documents()):
                # A range of lists would take ten times the memory of its arrays.
                span = slice(ends[row], ends[row + 1])
                yield document, one.terms[span].tolist(), _numbers(one.values[span])
                self.progress(1)

    def statistics(self) -> Statistics:
        """Count what the documents hold; see `ranges`."""
        list_sizes = np.zeros(len(self.names), dtype=np.int64)
        lengths, sizes = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
        for one in self.ranges():
            list_sizes += np.bincount(one.terms, minlength=list_sizes.size)
            sums = np.append(0, np.cumsum(one.values, dtype=np.float64))[one.indptr]
            lengths.append(np.diff(sums).astype(np.int64))
            sizes.append(np.diff(one.indptr))
        return Statistics(np.concatenate(lengths), np.concatenate(sizes), list_sizes)

    def posting_lists(self, list_sizes: NDArray[np.int64]) -> Iterator[tuple[str, PostingList]]:
        """Yield the lists that hold documents, with their terms' names, which rise.

        Args:
            list_sizes: as `statistics` counts them.
        """
        used = sorted(np.flatnonzero(list_sizes).tolist(), key=self.names.__getitem__)
        for one in posting_lists(self.searcher, used):
            values = self.code.code(one.values)
            yield self.names[one.term], PostingList(one.term, one.doc_numbers, values)

    def doc_ids(self) -> Iterator[str]:
        """Yield the ids of all documents, in order."""
        for segment in self.searcher.segments:
            for number in np.flatnonzero(segment.live_mask()).tolist():
                yield segment.doc_ids[number]

    def refuse_term(self, name: str, owner: str) -> None:
        """Refuse a term whose name the tool cannot hold.

        Raises:
            InvalidInputError: it cannot.
        """
        problem = self._term_problem(name)
        if problem:
            raise InvalidInputError(
                f"{owner} has the term {name!r}, which {self.tool} cannot hold: {problem}."
            )

    def _check_values(self, one: SourceRange) -> None:
        held = self._holds.holds(one.values)
        if held.all():
            return
        at = int(np.argmin(held))
        doc_id, name = one.doc_ids[_row_of(one, at)], self.names[one.terms[at]]
        remedy = (
            "leave --scale out" if self.code.scale else "round all weights, as with --scale 100"
        )
        if self.code.scale and self._holds is not Holds.FLOATS:
            remedy = "choose a smaller --scale"
        raise InvalidInputError(
            f"The document {doc_id!r} has {one.values[at]!s} at the term {name!r}, but {self.tool} "
            f"holds {self._holds.value}; {remedy}."
        )

    def _check_terms(self, one: SourceRange) -> None:
        is_used = np.bincount(one.terms, minlength=self._is_known.size) > 0
        for term in np.flatnonzero(is_used & ~self._is_known).tolist():
            if self._term_problem(self.names[term]):
                at = int(np.argmax(one.terms == term))
                self.refuse_term(
                    self.names[term], f"The document {one.doc_ids[_row_of(one, at)]!r}"
                )
            self._is_known[term] = True


def _numbers(values: NDArray[Any]) -> list[Any]:
    """Return values for JSON: of a 32-bit float the shortest decimal that reads back as it."""
    if values.dtype == np.float32:
        values = values.astype(str).astype(np.float64)
    numbers: list[Any] = values.tolist()
    return numbers


def _row_of(one: SourceRange, at: int) -> int:
    """Return the row of a document that has the posting at a place."""
    return int(np.searchsorted(one.indptr, at, side="right")) - 1
