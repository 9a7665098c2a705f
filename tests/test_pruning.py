"""Pruning is compared with a few lines of plain Python that say the same row by row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsr.errors import InvalidInputError
from lsr.pruning import PruneRule, PruneType, prune
from lsr.sparse import SparseBatch
from strategies import sparse_batches

Pairs = list[tuple[int, float]]


def _rows(batch: SparseBatch) -> list[Pairs]:
    return [list(zip(t.tolist(), w.tolist(), strict=True)) for t, w in batch.rows()]


def _pruned(row: Pairs, rule: PruneRule) -> Pairs:
    heaviest = sorted(row, key=lambda pair: (-pair[1], pair[0]))
    if rule.prune_type is PruneType.MAX_RATIO:
        return [pair for pair in row if pair[1] >= rule.value * heaviest[0][1]]
    if rule.prune_type is PruneType.ABS_VALUE:
        return [pair for pair in row if pair[1] >= rule.value]
    if rule.prune_type is PruneType.TOP_K:
        return sorted(heaviest[: int(rule.value)])
    total, held = sum(weight for _, weight in row), 0.0
    kept = []
    for pair in heaviest:
        if held >= rule.value * total:
            break
        kept.append(pair)
        held += pair[1]
    return sorted(kept)


# The strategy's weights are sums of powers of two, so plain sums are exact.
_RULES = st.one_of(
    st.sampled_from([0.0, 0.1, 0.25, 0.123456789, 1.0]).map(
        lambda r: PruneRule(PruneType.MAX_RATIO, r)
    ),
    st.sampled_from([0.0, 0.5, 1.0, 9.0]).map(lambda v: PruneRule(PruneType.ABS_VALUE, v)),
    st.sampled_from([0.125, 0.5, 0.75, 1.0]).map(lambda a: PruneRule(PruneType.ALPHA_MASS, a)),
    st.integers(1, 10).map(lambda n: PruneRule(PruneType.TOP_K, n)),
)


@given(sparse_batches(), _RULES)
def test_keeps_what_plain_python_keeps(batch: SparseBatch, rule: PruneRule) -> None:
    pruned = prune(batch, rule)

    assert _rows(pruned) == [_pruned(row, rule) for row in _rows(batch)]
    assert pruned.n_terms == batch.n_terms
    assert (pruned.indptr.dtype, pruned.terms.dtype) == (batch.indptr.dtype, batch.terms.dtype)
    assert pruned.weights.dtype == batch.weights.dtype


@given(sparse_batches(min_rows=1), _RULES)
def test_a_vector_is_pruned_alike_alone_and_in_a_batch(batch: SparseBatch, rule: PruneRule) -> None:
    alone = [prune(batch.slice(row, row + 1), rule) for row in range(len(batch))]

    assert _rows(SparseBatch.concatenate(alone)) == _rows(prune(batch, rule))


@given(_RULES)
def test_a_rule_is_read_as_it_is_written(rule: PruneRule) -> None:
    assert PruneRule.parse(str(rule)) == rule


@pytest.mark.parametrize(
    "text", ["", "max_ratio", "max_ratio:", "max_ratio:x", "nothing:1", "top_k:1_0", "top_k:-1"]
)
def test_refuses_what_is_no_rule(text: str) -> None:
    with pytest.raises(InvalidInputError, match=r"is not a pruning rule; write one of max_ratio"):
        PruneRule.parse(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("max_ratio:1.5", "from 0 to 1"),
        ("abs_value:1e999", "at least 0"),
        ("alpha_mass:0", "above 0"),
        ("alpha_mass:1.1", "up to 1"),
        ("top_k:0", "at least 1"),
        ("top_k:2.5", "whole"),
    ],
)
def test_refuses_a_number_out_of_range(text: str, wanted: str) -> None:
    with pytest.raises(InvalidInputError, match=wanted):
        PruneRule.parse(text)
