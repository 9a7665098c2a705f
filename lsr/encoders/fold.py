"""How do documents answer terms that nobody adds to queries any more? They are folded.

A network for queries adds terms e to a question with the words w; without one, they are missing:

    score = sum over w of q[w] d[w] + sum over e of q[e] d[e]

Where the added weight is about a sum over the question's words, q[e] = sum over w of added[w, e],
the second sum belongs to the words, and documents can hold it beforehand:

    folded[w] = d[w] + sum over e of d[e] fold[e, w],    fold[e, w] = added[w, e] / q[w]

So "car" is answered by a document about an automobile as if the question had been expanded. A
folded vector keeps as many terms as the vector had, the heaviest: folding moves room to the words
that are asked for. `lsr.training.fold_learning` learns a fold from questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.json_file import read_json, write_whole
from lsr.errors import UnsupportedModelError
from lsr.sparse import SparseBatch


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """What documents' terms add to others.

    Attributes:
        added: one row a term e of documents: the words w and fold[e, w].
    """

    added: SparseBatch

    def apply(self, vectors: SparseBatch) -> SparseBatch:
        """Return folded vectors, each of as many terms as before.

        Args:
            vectors: of documents, over the terms of the fold.
        """
        sizes = self.added.active_dims[vectors.terms]
        source = np.repeat(np.arange(vectors.nnz), sizes)
        # Where the row of each term begins in the fold, and how far into it each number lies.
        within = np.arange(source.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        entries = self.added.indptr[vectors.terms][source] + within
        row_of = np.repeat(np.arange(len(vectors)), vectors.active_dims)
        rows = np.concatenate([row_of, row_of[source]])
        terms = np.concatenate([vectors.terms, self.added.terms[entries]]).astype(np.int64)
        weights = np.concatenate(
            [vectors.weights, vectors.weights[source] * self.added.weights[entries]]
        )
        order = np.lexsort((terms, rows))
        rows, terms, weights = rows[order], terms[order], weights[order]
        is_first = np.append(True, (rows[1:] != rows[:-1]) | (terms[1:] != terms[:-1]))
        starts = np.flatnonzero(is_first[: rows.size])
        rows, terms = rows[starts], terms[starts]
        weights = np.add.reduceat(weights, starts) if starts.size else weights
        kept = _heaviest(rows, weights, vectors.active_dims)
        return SparseBatch(
            vectors.indptr, terms[kept].astype(np.uint32), weights[kept], vectors.n_terms
        )


def _heaviest(
    rows: NDArray[np.int64], weights: NDArray[np.float32], counts: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return which weights are among so many heaviest of their row, the lower term among equals."""
    order = np.lexsort((-weights, rows))
    starts = np.searchsorted(rows, np.arange(counts.size))
    rank = np.empty(rows.size, np.int64)
    rank[order] = np.arange(rows.size) - starts[rows]
    return rank < counts[rows]


def read_fold(file: Path, tokens: Sequence[str]) -> Fold:
    """Read a fold: one JSON object, ``{document term: {query word: weight}}``.

    Args:
        file: of `lsr fold`.
        tokens: name of every term of the model.

    Raises:
        UnsupportedModelError: the file is damaged, or belongs to another vocabulary.
    """
    ids = {token: term for term, token in enumerate(tokens)}
    rows: list[list[tuple[int, float]]] = [[] for _ in tokens]
    for token, words in read_json(file, dict).items():
        if not isinstance(words, dict):
            raise UnsupportedModelError(f"{file} gives {token!r} no words, but {words!r}.")
        for word, weight in words.items():
            if token not in ids or word not in ids:
                stranger = word if token in ids else token
                raise UnsupportedModelError(
                    f"{file} names {stranger!r}, which is no token of the model; it belongs to "
                    "another one."
                )
            rows[ids[token]].append((ids[word], _weight(file, token, word, weight)))
    return Fold(SparseBatch.from_rows(rows, len(tokens)))


def _weight(file: Path, token: str, word: str, weight: Any) -> float:
    is_number = isinstance(weight, int | float) and not isinstance(weight, bool)
    if not is_number or not 0 <= weight < float("inf"):
        raise UnsupportedModelError(f"{file} gives {word!r} of {token!r} the weight {weight!r}.")
    return float(weight)


def write_fold(file: Path, fold: Fold, tokens: Sequence[str]) -> None:
    """Write a fold; the file appears whole, or stays what it was.

    Raises:
        InvalidInputError: it cannot be written.
        DiskFullError: the disk is full.
    """
    named = {
        tokens[term]: {
            tokens[word]: float(str(weight)) for word, weight in zip(words, weights, strict=True)
        }
        for term, (words, weights) in enumerate(fold.added.rows())
        if words.size
    }
    write_whole({file: named})
