"""A sample of documents says which score the k-th best most likely has."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from lsr.kernels.accumulate import new_cursors
from lsr.kernels.dense_rows import document_frequencies, empty_rows, fill_row
from lsr.kernels.score_filter import new_scratch, order_terms
from lsr.kernels.threshold_sample import RISK, guessed_rank, sample_thresholds
from posting_lists import postings_of

RANGE = 1 << 16


@pytest.mark.parametrize("k", [1, 2, 10, 100, 1000])
@pytest.mark.parametrize("share", [0.0, 0.0027, 0.01, 1 / 32, 0.5])
def test_a_guess_is_as_risky_as_the_binomial_distribution_says(k: int, share: float) -> None:
    """It is too high when as many of the k - 1 best documents are in the sample."""
    ranks = np.arange(1, k + 1)

    rank = guessed_rank(k, share)

    assert rank == ranks[binom.sf(ranks - 1, k - 1, share) <= RISK][0]


@given(
    seed=st.integers(0, 2**32),
    n_docs=st.sampled_from([700, 9_000, 40_000, RANGE, RANGE + 70, 150_000]),
    k=st.sampled_from([1, 10, 2000]),
    is_excluding=st.booleans(),
)
@settings(deadline=None, max_examples=20)
def test_the_first_documents_of_ranges_are_the_sample(
    seed: int, n_docs: int, k: int, is_excluding: bool
) -> None:
    random = np.random.default_rng(seed)
    impacts = random.integers(0, 256, (n_docs, 3)) * (
        random.random((n_docs, 3)) < [0.6, 0.09, 0.01]
    )
    indptr = np.concatenate([[0], np.cumsum((impacts > 0).sum(axis=1))])
    terms = np.nonzero(impacts)[1].astype(np.uint32)
    postings = postings_of(indptr, terms, impacts[impacts > 0].astype(np.uint8), 3)
    rows = empty_rows(postings, n_docs, 3)
    for term in np.flatnonzero(rows.numbers >= 0).tolist():
        fill_row(rows, postings, n_docs, term)
    is_hidden = random.random(n_docs) < (0.5 if is_excluding else 0.0)
    excluded = np.packbits(is_hidden, bitorder="little")[: n_docs if is_excluding else 0]
    weights = np.array([3, 70, 1000], dtype=np.uint32)
    query, n_dense, _, _ = order_terms(
        rows,
        np.arange(3, dtype=np.uint32),
        weights,
        impacts.max(axis=0).astype(np.uint8),
        document_frequencies(postings, n_docs, 3).astype(np.int64),
    )

    scratch = new_scratch()
    scratch.scores[:] = 7

    certain, guess = sample_thresholds(
        postings,
        rows,
        n_docs,
        query,
        n_dense,
        new_cursors(3),
        excluded,
        scratch,
        k,
    )

    n_ranges = -(-n_docs // RANGE)
    size = min(2048, n_docs // (32 * n_ranges) // 64 * 64)
    sample = [np.arange(RANGE * one, min(RANGE * one + size, n_docs)) for one in range(n_ranges)]
    scores = impacts @ weights.astype(np.int64) * ~is_hidden
    best = np.sort(scores[np.concatenate(sample)])[::-1]
    best = best[best > 0]
    rank = guessed_rank(k, sum(map(len, sample)) / n_docs)
    assert certain == (best[k - 1] if best.size >= k else 0)
    assert guess == (best[rank - 1] if best.size >= rank else certain)
