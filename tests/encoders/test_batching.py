import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lsr.encoders.batching import MAX_ROWS, plan_batches

lengths_strategy = st.lists(st.integers(1, 600), max_size=400).map(
    lambda lengths: np.array(lengths, dtype=np.int64)
)


@given(lengths=lengths_strategy, token_budget=st.integers(1, 5000))
def test_every_text_is_in_one_batch_within_the_budget(
    lengths: np.ndarray, token_budget: int
) -> None:
    batches = plan_batches(lengths, token_budget)

    placed = [int(row) for batch in batches for row in batch]
    assert sorted(placed) == list(range(lengths.size))
    for batch in batches:
        assert 1 <= batch.size <= MAX_ROWS
        assert batch.size == 1 or batch.size * lengths[batch].max() <= token_budget


@given(lengths=lengths_strategy)
def test_batches_fall_in_length(lengths: np.ndarray) -> None:
    ordered = [length for batch in plan_batches(lengths, 512) for length in lengths[batch]]

    assert ordered == sorted(ordered, reverse=True)


def test_no_text_needs_no_batch() -> None:
    assert plan_batches(np.array([], dtype=np.int64), 100) == []
