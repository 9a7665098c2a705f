"""Which score will the k-th best document have? A guess from a sample, made before the search.

The first documents of some ranges are scored in full. Of a fair sample it is known how many of the
k best documents are in it (the binomial distribution), so the score of its second or third best is
most likely one that k documents of all reach, and far above that of its k-th best, which k
documents certainly reach. Who searches by a guess must search again if fewer than k reach it.

Paper: Petri, Moffat, Mackenzie, Culpepper, Beck, "Accelerated query processing via similarity score
prediction", SIGIR 2019 (a predicted threshold, and a second search where it was too high).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lsr.kernels._compile import kernel
from lsr.kernels.accumulate import Cursors, score_range, seek, shorten
from lsr.kernels.dense_rows import BLOCK_SIZE, DenseRows
from lsr.kernels.exhaustive import exclude
from lsr.kernels.postings import RANGE_SIZE, Postings
from lsr.kernels.score_filter import Query, Scratch
from lsr.kernels.top_k import offer

MAX_WINDOWS = 8
"""Neighbours are often alike, so a sample comes from several places; each takes 2 us."""

SAMPLED = 32
"""One document in `SAMPLED` is in the sample, as long as that is not too much to score."""

MAX_WINDOW = 2048
"""Documents of a window: more would cost large segments more than a better guess saves them."""

RISK = 0.05
"""How often a guess may be too high, if the sample is fair. A second search costs as much."""


@kernel
def n_windows(n_docs: int) -> int:
    """Return in how many ranges of a segment documents are sampled."""
    return min(MAX_WINDOWS, (n_docs + RANGE_SIZE - 1) // RANGE_SIZE)


@kernel
def window_size(n_docs: int) -> int:
    """Return how many documents are sampled from the beginning of a range."""
    return min(MAX_WINDOW, n_docs // (SAMPLED * n_windows(n_docs)) // BLOCK_SIZE * BLOCK_SIZE)


@kernel
def guessed_rank(k: int, share: float) -> int:
    """Return the first rank in a fair sample that hardly ever is one of the k - 1 best of all.

    Args:
        k: at least 1.
        share: of the documents that are in the sample, below 1.
    """
    likelihood = (1.0 - share) ** (k - 1)  # of none of the k - 1 best being in the sample
    rest = 1.0 - likelihood
    rank = 1
    while rest > RISK and rank < k:
        likelihood *= (k - rank) / rank * share / (1.0 - share)
        rest -= likelihood
        rank += 1
    return rank


@kernel
def sample_thresholds(
    postings: Postings,
    rows: DenseRows,
    n_docs: int,
    query: Query,
    n_dense: int,
    cursors: Cursors,
    excluded: NDArray[np.uint8],
    scratch: Scratch,
    k: int,
) -> tuple[np.int64, np.int64]:
    """Return a score that k documents of the segment reach, or 0, and one that they may reach.

    Args:
        postings: posting lists of a segment.
        rows: its rows.
        n_docs: its documents.
        query: the terms, those with rows first.
        n_dense: terms with rows.
        cursors: to be used.
        excluded: bitmap of documents to leave out, lowest bit first; empty for none.
        scratch: memory to work in.
        k: at least 1.
    """
    scores = scratch.scores
    best_scores, best_docs = np.empty(k, dtype=np.int64), np.empty(k, dtype=np.int64)
    size, n_sampled = 0, 0
    n_ranges = postings.range_lists.size - 1
    for window in range(n_windows(n_docs)):
        number = window * n_ranges // n_windows(n_docs)
        range_doc = number * RANGE_SIZE
        end = min(window_size(n_docs), n_docs - range_doc)
        seek(postings, number, query.terms, n_dense, cursors)
        shorten(postings, n_dense, end, cursors)
        score_range(
            postings,
            rows,
            query.row_numbers,
            query.weights,
            n_dense,
            cursors,
            range_doc,
            end,
            scores,
        )
        exclude(scores[:end], excluded, range_doc)
        size = offer(scores[:end], range_doc, best_scores, best_docs, size)
        scratch.n_added[0] += cursors.n_postings[n_dense:].sum() + end * n_dense
        n_sampled += end
    certain = best_scores[0] if size == k else np.int64(0)
    rank = guessed_rank(k, n_sampled / n_docs)
    if rank > size:
        return certain, certain
    return certain, np.sort(best_scores[:size])[size - rank]
