import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lsr.encoders.batching import MAX_ROWS, Window, plan_batches
from lsr.encoders.tokenization import TokenizedText
from lsr.sparse import SparseBatch

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


@given(lengths=st.lists(st.integers(0, 9), max_size=60), token_budget=st.integers(1, 40))
def test_a_window_puts_batches_into_order_again(lengths: list[int], token_budget: int) -> None:
    texts = [
        TokenizedText(np.full(length, row, np.int64), length == 9, slice(0, length))
        for row, length in enumerate(lengths)
    ]

    window = Window(texts, token_budget)

    encoded = [
        SparseBatch.from_rows([[(int(text.ids[0]), float(text.ids.size))] for text in batch], 60)
        for batch in window.batches
    ]
    vectors = window.in_order(encoded, 60)
    found = [(terms.tolist(), weights.tolist()) for terms, weights in vectors.rows()]
    assert found == [
        ([row], [length]) if length else ([], []) for row, length in enumerate(lengths)
    ]
    rows = [[[text.ids[0]] for text in batch] for batch in window.batches]
    dense = window.dense_in_order([np.array(one, np.float32) for one in rows], 1)
    assert dense[:, 0].tolist() == [row if length else 0 for row, length in enumerate(lengths)]
    assert window.sizes == [
        (len(batch), sum(text.ids.size for text in batch)) for batch in window.batches
    ]
    assert sum(n_texts for n_texts, _ in window.sizes) + window.n_empty == len(window)
    assert window.truncated == [row for row, length in enumerate(lengths) if length == 9]
