"""Which terms has a text that only texts which hold them can have? Those of its own tokens.

A vocabulary whose rare terms are not computed for every text loses them where they matter most, in
the texts that are about them. There they nearly always occur. So their rows are multiplied for the
texts that hold them, which are some hundred rows in the place of tens of thousands.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.tokenization import TokenizedText
from lsr.kernels.transformer import ActiveTerms, active_among

Array = NDArray[np.float32]


class LiteralTerms:
    """The rows of terms that must occur.

    Args:
        rows: of all terms, shape (n_terms, hidden size).
        bias: shape (n_terms,).
        terms: those that must occur.
    """

    def __init__(self, rows: Array, bias: Array, terms: NDArray[np.uint32]) -> None:
        self._rows = rows
        self._bias = bias
        self._must_occur = np.zeros(bias.size, dtype=np.bool_)
        self._must_occur[terms] = True

    def added(
        self,
        active: ActiveTerms,
        x: Array,
        starts: NDArray[np.int64],
        texts: Sequence[TokenizedText],
    ) -> ActiveTerms:
        """Return active terms with those of the texts' own that are active too.

        Args:
            active: of other terms.
            x: what the head multiplies, as `active_terms` takes it.
            starts: the same.
            texts: the texts.
        """
        own = [np.unique(text.ids[self._must_occur[text.ids]]) for text in texts]
        indptr = np.cumsum([0, *(ids.size for ids in own)], dtype=np.int64)
        candidates = np.concatenate(own).astype(np.uint32)
        return _merged(active, active_among(self._rows, self._bias, x, starts, indptr, candidates))


def _merged(first: ActiveTerms, second: ActiveTerms) -> ActiveTerms:
    """Return the rows of both, which share no term."""
    each = np.arange(first.indptr.size - 1)
    rows = np.concatenate([np.repeat(each, np.diff(one.indptr)) for one in (first, second)])
    terms = np.concatenate([first.terms, second.terms])
    order = np.lexsort((terms, rows))
    weights = np.concatenate([first.weights, second.weights])
    return ActiveTerms(first.indptr + second.indptr, terms[order], weights[order])
