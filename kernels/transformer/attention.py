"""What does every token take from the others of its text?

For each head, with d features a head: ``out = v softmax(q^T k / sqrt(d))``, over the tokens of one
text. Texts stand side by side in the same rows, so there is no padding and no mask.

Paper: A. Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def attend_reference(
    q: NDArray[np.float32],
    k: NDArray[np.float32],
    v: NDArray[np.float32],
    starts: NDArray[np.int64],
    n_heads: int,
) -> NDArray[np.float64]:
    """Say in NumPy, with 64 bits, what `attend` must write; padding is zero."""
    out = np.zeros(q.shape, dtype=np.float64)
    size = q.shape[0] // n_heads
    for begin, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        for head in range(n_heads):
            part = slice(head * size, (head + 1) * size), slice(begin, end)
            scores = k[part].astype(np.float64).T @ q[part] / np.sqrt(size)
            shares = np.exp(scores - scores.max(axis=0, initial=-np.inf))
            out[part] = v[part] @ (shares / shares.sum(axis=0))
    return out


def attend(
    q: NDArray[np.float32],
    k: NDArray[np.float32],
    v: NDArray[np.float32],
    starts: NDArray[np.int64],
    n_heads: int,
    out: NDArray[np.float32],
) -> None:
    """Write what every token takes from the tokens of its own text.

    Args:
        q: queries, shape (n_heads * d, padded tokens); rows ``head * d`` to ``(head + 1) * d``
            belong to one head. Like k and v it may be a slice of rows of one larger array.
        k: keys, shape of q.
        v: values, shape of q.
        starts: shape (n_texts + 1,), first column of each text and one past the last.
        n_heads: divides the rows of q.
        out: shape of q, overwritten in the columns of the texts; shares no memory with the others.
    """
    out[:] = attend_reference(q, k, v, starts, n_heads)
