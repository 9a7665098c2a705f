"""Which texts share a batch? Texts of similar length, so that little of a batch is padding."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_ROWS = 128
"""Most texts of a batch; bounds its [rows, vocabulary] result to about 16 MB at 30,000 terms."""


def plan_batches(lengths: NDArray[np.int64], token_budget: int) -> list[NDArray[np.int64]]:
    """Group texts by length.

    Args:
        lengths: shape (n_texts,), tokens of each text.
        token_budget: a batch holds at most this many tokens, padding included; a text that is
            longer by itself gets a batch of its own.

    Returns:
        Positions in `lengths`, each in exactly one batch; long texts first, so that the last
        batches to run, when workers fall idle one by one, are the short ones.
    """
    order = np.argsort(-lengths, kind="stable")
    batches = []
    start = 0
    while start < order.size:
        width = max(1, int(lengths[order[start]]))
        stop = start + min(MAX_ROWS, max(1, token_budget // width))
        batches.append(order[start:stop])
        start = stop
    return batches
