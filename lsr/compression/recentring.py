"""How does a text get as many terms as before? By moving the bias of the vocabulary.

What was removed shifts the logits: after pruning in blocks, texts may have several times the terms
of before, or half of them, and the index and every query grow or lose with it. A threshold for all
terms restores the number. A shift of each term first, by which its mean largest logit becomes what
it was, restores more of which terms they are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lsr.compression.recipe import Recentring
from lsr.compression.scores import Floats


def recentred(how: Recentring, before: Floats, after: Floats, is_left: NDArray[np.bool_]) -> Floats:
    """Return what is to be added to the bias of each term, shape (n_terms,).

    Args:
        how: as the recipe says.
        before: largest logits of texts before anything was removed, shape (n_texts, n_terms).
        after: the same of the compressed model.
        is_left: the same shape, false where a text has lost a term. The others of its terms make
            up for it.
    """
    shift = np.zeros(before.shape[1], dtype=np.float32)
    if how is Recentring.NONE:
        return shift
    if how is Recentring.TERMS:
        shift = (before - after).mean(axis=0)
    logits = (after + shift)[is_left]
    n_active = int((before > 0).sum())
    if 0 < n_active < logits.size:
        # Between the last logit that is to stay above zero and the first that is not.
        place = logits.size - n_active
        around = np.partition(logits, [place - 1, place])[place - 1 : place + 1]
        shift -= around.mean()
    return shift
