"""Arrays from outside become sound rows, or are refused, whether or not they are in order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsr.errors import InvalidInputError
from lsr.sparse import SparseBatch

N_TERMS = 5
_PAIRS = st.tuples(
    st.integers(-1, N_TERMS),
    st.sampled_from([0.0, 0.5, 1.0, 2.0, 1e-46, 1e-300, 3.4e38, 1e39, -1.0, np.inf, np.nan]),
)
_SOUND_PAIRS = st.tuples(st.integers(0, N_TERMS - 1), st.sampled_from([0.5, 1.0, 2.0]))


def _expected(rows: list[list[tuple[int, float]]]) -> list[list[tuple[int, float]]] | None:
    """Say in plain Python what the batch must hold; None when it must be refused."""
    for row in rows:
        for term, weight in row:
            with np.errstate(over="ignore"):
                narrow = np.float32(weight)
            if not 0 <= term < N_TERMS or not (np.isfinite(narrow) and narrow >= 0):
                return None
    kept = [sorted((t, float(np.float32(w))) for t, w in row if np.float32(w) > 0) for row in rows]
    if any(len({term for term, _ in row}) != len(row) for row in kept):
        return None
    return kept


@given(st.lists(st.lists(st.one_of(_PAIRS, _SOUND_PAIRS), max_size=4), max_size=4))
def test_equals_plain_python(rows: list[list[tuple[int, float]]]) -> None:
    expected = _expected(rows)
    if expected is None:
        with pytest.raises(InvalidInputError):
            SparseBatch.from_rows(rows, N_TERMS)
        return

    batch = SparseBatch.from_rows(rows, N_TERMS)

    found = [list(zip(t.tolist(), w.tolist(), strict=True)) for t, w in batch.rows()]
    assert found == expected
    assert batch.terms.dtype == np.uint32
    assert batch.weights.dtype == np.float32


@given(st.lists(st.dictionaries(st.integers(0, N_TERMS - 1), st.just(1.0)), max_size=5))
def test_rows_in_order_are_taken_as_they_are(rows: list[dict[int, float]]) -> None:
    pairs = [sorted(row.items()) for row in rows]

    batch = SparseBatch.from_rows(pairs, N_TERMS)

    assert [list(zip(t.tolist(), w.tolist(), strict=True)) for t, w in batch.rows()] == pairs
