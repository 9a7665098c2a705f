import numpy as np
import pytest

from lsr.compression import Method, Pattern
from lsr.compression.dsnot import CYCLES, ENOUGH, refined
from lsr.compression.pruning import prune
from lsr.compression.scores import InputStatistics
from transformer_inputs import Floats, normal

SPARSITY = 0.5


def inputs_of(x: Floats) -> InputStatistics:
    inputs = InputStatistics(x.shape[0])
    inputs.add(x)
    return inputs


def biased(seed: int, n_features: int) -> Floats:
    """Inputs of unlike means and sizes."""
    means, sizes = normal(seed, n_features, 1), np.exp(normal(seed + 1, n_features, 1))
    return (means + sizes * normal(seed + 2, n_features, 300)).astype(np.float32)


def reference(row: Floats, x: Floats, group: int) -> list[bool]:
    """Which weights of a row stay: the method by its definition, weight by weight."""
    mean, variance = x.mean(axis=1), x.var(axis=1)
    importance = np.abs(row) * np.linalg.norm(x, axis=1)
    kept = []
    for first in range(0, row.size, group):
        some = importance[first : first + group]
        kept += [bool(one > np.sort(some)[group // 2 - 1]) for one in some]
    error = sum(row[j] * mean[j] for j in range(row.size) if not kept[j])
    for _ in range(CYCLES):
        brings = {
            j: abs(row[j] * mean[j]) / variance[j]
            for j in range(row.size)
            if not kept[j] and np.sign(row[j] * mean[j]) == np.sign(error)
        }
        if not brings or abs(error) <= ENOUGH:
            break
        grown = max(brings, key=lambda j: brings[j])
        after = error - row[grown] * mean[grown]
        may_go = [
            j
            for j in range(row.size)
            if kept[j]
            and j // group == grown // group
            and np.sign(row[j] * mean[j]) == -np.sign(after)
            and abs(after + row[j] * mean[j]) < abs(error)
        ]
        if not may_go:
            break
        gone = min(may_go, key=lambda j: importance[j])
        error, kept[grown], kept[gone] = after + row[gone] * mean[gone], True, False
    return kept


@pytest.mark.parametrize(("pattern", "group"), [("unstructured", 24), ("2:4", 4), ("4:8", 8)])
def test_exchanges_what_the_definition_says(pattern: str, group: int) -> None:
    weight, x = normal(1, 9, 24), biased(2, 24)
    inputs, chosen = inputs_of(x), Pattern.parse(pattern)
    pruned = prune(weight, inputs, Method.WANDA, chosen, SPARSITY, [0])

    found = refined(weight, pruned, inputs, chosen)

    expected = np.array([reference(row, x, group) for row in weight])
    assert (expected != (pruned != 0)).any()
    np.testing.assert_array_equal(found, np.where(expected, weight, 0))


@pytest.mark.parametrize("method", [Method.WANDA, Method.SPARSE_GPT])
@pytest.mark.parametrize("pattern", ["unstructured", "4x1", "2:4"])
def test_never_raises_the_error_that_it_tracks_and_keeps_the_pattern(
    method: Method, pattern: str
) -> None:
    """Ten rows: the last strip of four is not whole."""
    chosen = Pattern.parse(pattern)
    starts, sums = np.arange(0, 10, chosen.n_rows), np.zeros(2)
    for seed in range(10):
        weight, x = normal(seed, 10, 40), biased(100 + seed, 40)
        inputs = inputs_of(x)
        pruned = prune(weight, inputs, method, chosen, SPARSITY, [0])

        found = refined(weight, pruned, inputs, chosen)

        before, after = (
            np.add.reduceat(np.square((weight - one) @ inputs.means), starts)
            for one in (pruned, found)
        )
        assert (after <= before).all()
        sums += before.sum(), after.sum()
        for first in range(0, 40, chosen.group or 40):
            some = slice(first, first + (chosen.group or 40))
            n_kept = np.count_nonzero(found[:, some], axis=1)
            np.testing.assert_array_equal(n_kept, np.count_nonzero(pruned[:, some], axis=1))
        if pattern == "4x1":
            for strip in np.split(found != 0, [4, 8]):
                assert (strip == strip[0]).all()
    assert sums[1] < 0.8 * sums[0]


def test_what_stays_is_left_as_it_is() -> None:
    weight, x = normal(1, 8, 40), biased(2, 40)
    inputs, chosen = inputs_of(x), Pattern.parse("4x1")
    pruned = prune(weight, inputs, Method.SPARSE_GPT, chosen, SPARSITY, [0])

    found = refined(weight, pruned, inputs, chosen)

    stays = (found != 0) & (pruned != 0)
    np.testing.assert_array_equal(found[stays], pruned[stays])
    comes = (found != 0) & (pruned == 0)
    assert comes.any()
    np.testing.assert_array_equal(found[comes], weight[comes])


def test_nothing_removed_is_nothing_exchanged() -> None:
    weight, inputs = normal(1, 5, 20), inputs_of(biased(2, 20))

    np.testing.assert_array_equal(refined(weight, weight, inputs, Pattern.parse("4x1")), weight)
