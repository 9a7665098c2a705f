"""Answers of parts make the answer of the whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsr.cluster.merging import BestSoFar, n_asked_at_once
from lsr.index import Rankings


@given(
    sizes=st.lists(st.integers(1, 6), min_size=1, max_size=5),
    k=st.integers(1, 12),
    seed=st.integers(0, 1000),
    order=st.randoms(use_true_random=False),
)
def test_the_best_of_parts_are_the_best_of_all(
    sizes: list[int], k: int, seed: int, order: object
) -> None:
    scores = np.random.default_rng(seed).integers(0, 4, sum(sizes)).astype(float)  # 0 is no hit
    starts = np.cumsum([0, *sizes])
    parts = list(zip(starts.tolist(), starts[1:].tolist(), strict=False))
    order.shuffle(parts)  # type: ignore[attr-defined]

    best = BestSoFar(1, k)
    for begin, end in parts:
        floor = best.floors[0]
        hits = sorted((-scores[doc], doc - begin) for doc in range(begin, end) if scores[doc] > 0)
        kept = [(doc, -score) for score, doc in hits[:k] if -score >= floor]
        n_columns = min(k, end - begin)
        padded = [*kept, *[(-1, 0.0)] * (n_columns - len(kept))]
        found = np.array(padded).reshape(1, n_columns, 2)
        best.add(Rankings(found[:, :, 0].astype(np.int64), found[:, :, 1]), begin)

    expected = sorted((-score, doc) for doc, score in enumerate(scores) if score > 0)[:k]
    assert best.rankings(("a",)).hits(0) == [(doc, -score) for score, doc in expected]
    assert best.rankings(("a",)).missing == ("a",)
    assert best.floors[0] == (-expected[-1][0] if len(expected) == k else 0)


@pytest.mark.parametrize(
    ("n_shards", "n_processors", "rounds"),
    [
        (2, 8, [2]),
        (3, 2, [2, 1]),
        (4, 8, [1, 2, 1]),
        (7, 7, [1, 2, 4]),
        (7, 2, [1, 2, 2, 2]),
        (32, 64, [8, 16, 8]),
    ],
)
def test_the_more_have_answered_the_more_are_asked(
    n_shards: int, n_processors: int, rounds: list[int]
) -> None:
    asked: list[int] = []
    while sum(asked) < n_shards:
        n_more = n_asked_at_once(n_shards, sum(asked), n_processors)
        asked.append(min(n_more, n_shards - sum(asked)))

    assert asked == rounds
