"""How do posting lists lie in memory? As flat arrays, one document range after another.

Documents are cut into ranges of 65,536. Inside a range a document is its 16-bit offset from the
range's first document, so a posting takes three bytes and the scores of a range fit the cache:

    doc_offsets  impacts        range 0: term 0, term 1, ...   range 1: term 0, term 1, ...
    indptr[r * n_terms + t]     where the postings of term t in range r begin
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RANGE_SIZE = 1 << 16
"""Documents of one range; the 16-bit offsets of the format depend on it."""


class Postings(NamedTuple):
    """Posting lists of `n_docs` documents over `n_terms` terms.

    Attributes:
        indptr: shape (n_ranges * n_terms + 1,), range-major.
        doc_offsets: shape (nnz,), offset in the range, rising inside each list.
        impacts: shape (nnz,), 1 to 255.
    """

    indptr: NDArray[np.int64]
    doc_offsets: NDArray[np.uint16]
    impacts: NDArray[np.uint8]


def n_ranges(n_docs: int) -> int:
    """Return how many ranges hold `n_docs` documents."""
    return -(-n_docs // RANGE_SIZE)
