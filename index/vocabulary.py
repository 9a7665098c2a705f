"""Which term id has this term, and may a new term enter?

A vocabulary is of one of three kinds: a model's own (fixed), named by the vectors that came in
(grows), or numbers without names (grows). An empty one takes the kind of its first vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lsr.errors import InvalidInputError, VocabularyMismatchError
from lsr.sparse import (
    MAX_TERM_ID,
    SparseBatch,
    batch_of_named_terms,
    named_weights,
    vocabulary_fingerprint,
)
from lsr.term_names import name_reader


class VocabularyKind(StrEnum):
    """Where the terms of an index come from."""

    MODEL = "model"
    NAMES = "names"
    NUMBERS = "numbers"


class Vocabulary:
    """The terms of an index.

    Args:
        kind: where the terms come from.
        names: name of each term id; empty for numbers.
        n_terms: size, for numbers.
    """

    def __init__(self, kind: VocabularyKind, names: Sequence[str] = (), n_terms: int = 0) -> None:
        self.kind = kind
        self._names = list(names)
        self._n_terms = n_terms

    @staticmethod
    def empty() -> Vocabulary:
        """Return a vocabulary without terms."""
        return Vocabulary(VocabularyKind.NUMBERS)

    @property
    def n_terms(self) -> int:
        """Number of terms; every term id is below it."""
        return len(self._names) if self._names else self._n_terms

    @property
    def names(self) -> Sequence[str]:
        """Name of each term id; empty when terms are numbers."""
        return self._names

    def name(self, term: int) -> str:
        """Return a term's name, or its number when it has none."""
        return self._names[term] if self._names else str(term)

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the names: equal for equal vocabularies only."""
        return vocabulary_fingerprint(self._names)

    @cached_property
    def readable(self) -> Callable[[str], str]:
        """Function that writes the name of a term for a reader."""
        return name_reader(self._names)

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self._names)}

    def documents(self, vectors: SparseBatch, names: Sequence[str] | None) -> SparseBatch:
        """Return document vectors in this vocabulary, which grows where it may.

        Args:
            vectors: the vectors.
            names: what their term ids are called; None for ids of this vocabulary.

        Raises:
            VocabularyMismatchError: names and numbers would mix, or a term is unknown to the
                model.
        """
        if names is None:
            return self._numbered(vectors)
        if self.n_terms == 0:
            self.kind = VocabularyKind.NAMES
        if self.kind is VocabularyKind.NUMBERS:
            raise VocabularyMismatchError(
                "The index holds term numbers without names, but the new vectors name their terms; "
                "build a new index for them."
            )
        if self.kind is VocabularyKind.MODEL:
            self._refuse_unknown(names)
        else:
            self._grow(names)
        return vectors.with_terms(self.lookup(names), self.n_terms)

    def queries(self, vectors: SparseBatch, names: Sequence[str] | None) -> SparseBatch:
        """Return query vectors in this vocabulary; terms that no document has are left out."""
        if self.n_terms == 0:
            return SparseBatch.from_rows([[] for _ in range(len(vectors))], n_terms=0)
        if names is None:
            if self.kind is VocabularyKind.NAMES:
                raise VocabularyMismatchError(
                    "The index names its terms, but the queries number theirs; "
                    "give queries as {term: weight}."
                )
            new_ids = np.arange(vectors.n_terms)
        else:
            if self.kind is VocabularyKind.NUMBERS:
                names = [str(_checked_number(name)) for name in names]
                new_ids = np.array([int(name) for name in names], dtype=np.int64)
            else:
                new_ids = self.lookup(names)
        ids = new_ids[vectors.terms]
        known = (ids >= 0) & (ids < self.n_terms)
        row_of = np.repeat(np.arange(len(vectors)), vectors.active_dims)[known]
        indptr = np.zeros(len(vectors) + 1, dtype=np.int64)
        np.cumsum(np.bincount(row_of, minlength=len(vectors)), out=indptr[1:])
        return SparseBatch.from_arrays(indptr, ids[known], vectors.weights[known], self.n_terms)

    def query(self, weights: Mapping[str, float]) -> SparseBatch:
        """Return the vector of one query, whose terms are named; unknown ones are left out.

        It is what `queries` makes of `batch_of_named_terms`, without most of their arrays, which
        cost a single query as much as its search.

        Raises:
            InvalidInputError: a weight is not a number, or is NaN, infinite or negative, or a term
                is not text, or no number in an index that numbers its terms.
        """
        place = "the query".format
        if self.kind is VocabularyKind.NUMBERS:
            return self.queries(*batch_of_named_terms([weights], place=place))
        narrow = named_weights([weights], place=place).astype(np.float32)
        ids = self.lookup(list(weights))
        kept = np.flatnonzero((ids >= 0) & (narrow > 0))
        kept = kept[ids[kept].argsort()]
        indptr = np.array([0, kept.size], dtype=np.int64)
        return SparseBatch(indptr, ids[kept].astype(np.uint32), narrow[kept], self.n_terms)

    def _numbered(self, vectors: SparseBatch) -> SparseBatch:
        if self.kind is VocabularyKind.NAMES:
            raise VocabularyMismatchError(
                "The index names its terms, but the new vectors number theirs; "
                "give vectors as {term: weight}, or build a new index."
            )
        if self.kind is VocabularyKind.NUMBERS:
            self._n_terms = max(self._n_terms, vectors.n_terms)
        elif vectors.nnz and int(vectors.terms.max()) >= self.n_terms:
            raise VocabularyMismatchError(
                f"A vector has term {int(vectors.terms.max())}, but the index's model knows "
                f"{self.n_terms} terms: the vectors come from another model."
            )
        return SparseBatch(vectors.indptr, vectors.terms, vectors.weights, self.n_terms)

    def _grow(self, names: Sequence[str]) -> None:
        for name in names:
            if name not in self._ids:
                self._ids[name] = len(self._names)
                self._names.append(name)
        if len(self._names) > MAX_TERM_ID:
            raise InvalidInputError(f"More than {MAX_TERM_ID:,} different terms are too many.")
        self.__dict__.pop("fingerprint", None)
        self.__dict__.pop("readable", None)

    def lookup(self, names: Sequence[str]) -> NDArray[np.int64]:
        """Return the term id of each name; -1 where there is none."""
        get = self._ids.get
        return np.array([get(name, -1) for name in names], dtype=np.int64)

    def _refuse_unknown(self, names: Sequence[str]) -> None:
        unknown = [name for name in names if name not in self._ids]
        if unknown:
            raise VocabularyMismatchError(
                f"The vectors have {len(unknown)} terms that the index's model does not know, "
                f"such as {unknown[0]!r}: they come from another model."
            )


def _checked_number(name: str) -> int:
    if not (name.isascii() and name.isdecimal() and len(name) <= 8) or int(name) > MAX_TERM_ID:
        raise InvalidInputError(
            f"The index numbers its terms, but a query has the term {name[:40]!r}; give numbers "
            f"up to {MAX_TERM_ID}."
        )
    return int(name)
