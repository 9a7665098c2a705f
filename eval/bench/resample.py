"""How does a collection grow without new texts? New vectors are mixed from real neighbours.

A new document takes after two real ones: a base, and a neighbour up to 64 places from it in an
order in which neighbours are alike. Each posting of the base is kept with probability 0.6, each of
the neighbour with 0.4; where both keep a term, the base's impact counts. Every impact is multiplied
by a number drawn evenly from 0.75 to 1.25, rounded, and held between 1 and 255. So terms keep their
frequencies and their company, and clusters of documents stay clusters. What does not grow is the
number of topics: near relatives of a good answer are more numerous than in a real collection.

The first documents are the real ones as they are. The new ones follow in rounds; every round
passes once over the whole collection in its own order, as evenly as its size allows, so that
documents which lay side by side do so in each round, while relatives of one document lie far apart.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lsr.errors import InvalidInputError
from lsr.kernels.postings import MAX_IMPACT
from lsr.sparse import SparseBatch

KEEP_BASE, KEEP_NEIGHBOUR = 0.6, 0.4
REACH = 64
"""Places between a base and its neighbour, at most."""
STRETCH = (0.75, 1.25)
CHUNK = 1 << 15
"""Documents made at a time; each chunk has its own stream of random numbers."""

# A posting in 57 bits that sort by document, term and source: 24 for the term, 1 and 8 below it.
_SOURCE_BIT, _TERM_BIT, _ROW_BIT = 8, 9, 33


def resample(
    vectors: SparseBatch,
    n_docs: int,
    *,
    seed: int = 0,
    order: NDArray[np.int64] | None = None,
) -> Iterator[SparseBatch]:
    """Yield `n_docs` vectors in batches, the real ones first; equal arguments give equal vectors.

    Args:
        vectors: real documents; weights are integers from 1 to 255.
        n_docs: vectors in all; fewer than there are cuts them.
        seed: of the random numbers.
        order: permutation of the documents in which neighbours are alike; by default the
            order they have.

    Raises:
        InvalidInputError: there is no document to start from.
    """
    n_real = len(vectors)
    if n_real == 0:
        raise InvalidInputError("There is no vector to resample.")
    for start in range(0, min(n_docs, n_real), CHUNK):
        yield vectors.slice(start, min(start + CHUNK, n_docs, n_real))
    n_new = n_docs - n_real
    places = np.arange(n_real) if order is None else order
    place_of = np.empty(n_real, dtype=np.int64)
    place_of[places] = np.arange(n_real)
    for chunk, start in enumerate(range(0, n_new, CHUNK)):
        random = np.random.default_rng([seed, chunk])
        bases = _bases(np.arange(start, min(start + CHUNK, n_new)), n_new, n_real)
        steps = random.integers(1, REACH, bases.size, endpoint=True)
        steps *= random.choice([-1, 1], bases.size)
        neighbours = places[(place_of[bases] + steps) % n_real]
        keys = np.concatenate(
            [
                _kept_postings(vectors, bases, 0, KEEP_BASE, random),
                _kept_postings(vectors, neighbours, 1, KEEP_NEIGHBOUR, random),
            ]
        )
        yield _unpacked(keys, bases.size, vectors.n_terms)


def _bases(new: NDArray[np.int64], n_new: int, n_real: int) -> NDArray[np.int64]:
    """Return the real document behind each new one: round after round, evenly spread in each."""
    n_rounds = -(-n_new // n_real)
    round_size = -(-n_new // n_rounds)
    return new % round_size * n_real // round_size


def _kept_postings(
    vectors: SparseBatch,
    documents: NDArray[np.int64],
    source: int,
    probability: float,
    random: np.random.Generator,
) -> NDArray[np.int64]:
    """Return a random part of the postings of documents, packed, with impacts changed a little."""
    found = vectors.take(documents.tolist())
    kept = random.random(found.nnz) < probability
    rows = np.repeat(np.arange(len(found)), found.active_dims)[kept]
    stretched = np.rint(found.weights[kept] * random.uniform(*STRETCH, rows.size))
    impacts = np.clip(stretched, 1, MAX_IMPACT).astype(np.int64)
    terms = found.terms[kept].astype(np.int64)
    return rows << _ROW_BIT | terms << _TERM_BIT | source << _SOURCE_BIT | impacts


def _unpacked(keys: NDArray[np.int64], n_rows: int, n_terms: int) -> SparseBatch:
    """Return packed postings as a batch; of two of one term in one document, the base's."""
    keys.sort()
    cells = keys >> _TERM_BIT
    keys = keys[np.append(True, cells[1:] != cells[:-1])] if keys.size else keys
    indptr = np.zeros(n_rows + 1, dtype=np.int64)
    np.cumsum(np.bincount(keys >> _ROW_BIT, minlength=n_rows), out=indptr[1:])
    terms = keys >> _TERM_BIT & ((1 << _ROW_BIT - _TERM_BIT) - 1)
    impacts = keys & ((1 << _SOURCE_BIT) - 1)
    return SparseBatch(indptr, terms.astype(np.uint32), impacts.astype(np.float32), n_terms)
