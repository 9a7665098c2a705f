"""What do several teachers say together? Their scores of a query's documents, as one.

Teachers may have scored different documents. A document counts as scored if any teacher scored it;
the mean and the maximum are then those of the teachers that did.

Papers: Z. Geng et al., "Towards Competitive Search Relevance For Inference-Free Learned Sparse
Retrievers", 2024, section 3.3 (min-max and scale); S. Lupart et al., "DiSCo", 2024 (several
teachers of one scale).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from lsr.training.recipe import Fusion

EPSILON = 1e-6
"""In the divisor of min-max, for teachers that score all documents of a query alike."""


def fused_scores(
    teachers: Sequence[Mapping[str, float]], doc_ids: Iterable[str], fusion: Fusion, scale: float
) -> dict[str, float]:
    """Return the score of each document of one query that any teacher has scored.

    Args:
        teachers: {doc_id: score} of each.
        doc_ids: the documents that the query learns from; min-max looks at no others.
        fusion: how scores become one.
        scale: what min-max scores are multiplied with.
    """
    wanted = list(dict.fromkeys(doc_ids))
    each = [{one: scores[one] for one in wanted if one in scores} for scores in teachers]
    if fusion is Fusion.MIN_MAX:
        each = [_stretched(scores, scale) for scores in each if scores]
    fuse = max if fusion is Fusion.MAX else _mean
    said = {one: [scores[one] for scores in each if one in scores] for one in wanted}
    return {one: fuse(scores) for one, scores in said.items() if scores}


def _mean(scores: Sequence[float]) -> float:
    return float(np.mean(scores))


def _stretched(scores: Mapping[str, float], scale: float) -> dict[str, float]:
    """Return a teacher's scores of one query between 0 and `scale`."""
    lowest, highest = min(scores.values()), max(scores.values())
    factor = scale / (highest - lowest + EPSILON)
    return {doc_id: (score - lowest) * factor for doc_id, score in scores.items()}
