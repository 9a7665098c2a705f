"""Which terms does a network add for which words? Learned from questions, whose answers none needs.

What a network adds to question i, added[i, e], is taken for a sum over the question's words:

    added[i, e] ~ sum over words w of i of calls[w, e]

fitted by ridge regression, in closed form. Weak calls are dropped, and those below zero: a fold
then names a few words a term, can be read, and loses nothing. Calls are divided by what the table
gives the word (see `lsr.encoders.fold`), scaled so that all questions together weigh as much by the
table as by the network.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg
import scipy.sparse
from numpy.typing import NDArray

from lsr.encoders.fold import Fold
from lsr.errors import InvalidInputError
from lsr.sparse import SparseBatch

RIDGE = 1.0
FEWEST_QUESTIONS = 2
"""In which a word must stand, and to which a term must be added, for anything to be learned."""

WEAKEST_CALL = 0.2
"""Calls of less are dropped; the network's weights are about 1."""

BLOCK_TERMS = 1000
"""Terms solved for at a time, which bounds memory: words times so many numbers."""


def learn_fold(by_network: SparseBatch, by_table: SparseBatch) -> Fold:
    """Return the fold that answers questions weighted by a table as a network would weight them.

    Args:
        by_network: questions as the network weights them.
        by_table: the same questions as the table does.

    Raises:
        InvalidInputError: no word stands in two questions, or no term is added to two.
    """
    weighed, looked_up = by_network.to_scipy(), by_table.to_scipy()
    table = looked_up.max(axis=0).toarray().ravel()
    present = (looked_up > 0).astype(np.float32)
    added = (weighed - weighed * present).tocsr()
    words = _frequent(present)
    terms = _frequent(added)
    if not words.size or not terms.size:
        raise InvalidInputError(
            f"The {len(by_network):,} questions share too few words to learn a fold from; give "
            "some thousands."
        )
    scale = weighed.sum() / looked_up.sum()
    calls = _calls(present[:, words], added[:, terms])
    entries = calls.tocoo()
    word, term = words[entries.row], terms[entries.col]
    weights = entries.data / (scale * table[word])
    shape = (by_network.n_terms, by_network.n_terms)
    fold = scipy.sparse.csr_array((weights.astype(np.float32), (term, word)), shape=shape)
    return Fold(SparseBatch.from_arrays(fold.indptr, fold.indices, fold.data, shape[0]))


def _frequent(questions: scipy.sparse.csr_array) -> NDArray[np.int64]:
    """Return the columns that several questions hold."""
    counts = np.bincount(questions.tocoo().col[questions.data > 0], minlength=questions.shape[1])
    return np.flatnonzero(counts >= FEWEST_QUESTIONS)


def _calls(
    present: scipy.sparse.csr_array, added: scipy.sparse.csr_array
) -> scipy.sparse.csr_array:
    """Return how much each word calls for each term, shape (n_words, n_terms), strong calls only.

    Args:
        present: shape (n_questions, n_words), 1 where the question holds the word.
        added: shape (n_questions, n_terms).
    """
    together = (present.T @ present).toarray()
    together[np.diag_indices_from(together)] += RIDGE
    factor = scipy.linalg.cho_factor(together, overwrite_a=True)
    wanted = (present.T @ added).tocsc()
    blocks = []
    for start in range(0, wanted.shape[1], BLOCK_TERMS):
        block = wanted[:, start : start + BLOCK_TERMS].toarray()
        calls = scipy.linalg.cho_solve(factor, block, overwrite_b=True)
        calls[calls < WEAKEST_CALL] = 0
        blocks.append(scipy.sparse.csr_array(calls))
    return scipy.sparse.hstack(blocks, format="csr")
