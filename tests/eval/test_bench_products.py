import numpy as np
import pytest

from lsr.errors import InvalidInputError
from lsr.eval.bench import products
from lsr.eval.bench.products import ProductBenchmark, bench_products, block_pruned
from lsr.eval.bench.products_contestants import (
    CONTESTANTS,
    OUR_BLOCKS,
    OUR_DENSE,
    Contestant,
    Product4x1,
)
from transformer_inputs import normal


@pytest.fixture(scope="module")
def result() -> ProductBenchmark:
    return bench_products([(20, 12)], [3, 20], [0.5, 0.9], runs=1)


def test_each_contestant_has_a_time_for_each_share_or_one_where_zeros_save_nothing(
    result: ProductBenchmark,
) -> None:
    shares = {
        name: [one.share for one in result.times if one.contestant == name and one.n_tokens == 3]
        for name in (OUR_BLOCKS, OUR_DENSE)
    }

    assert shares == {OUR_BLOCKS: [0.5, 0.9], OUR_DENSE: [None]}
    assert {one.contestant for one in result.times} == {one.name for one in CONTESTANTS}
    assert all(one.microseconds > 0 for one in result.times)


def test_the_table_has_a_part_for_each_number_of_tokens_and_says_how_it_was_measured(
    result: ProductBenchmark,
) -> None:
    table = result.as_table()

    assert table.count("20 -> 12") == 2
    assert "50%" in table
    assert "minimum of 1 runs in turns" in table
    assert result.machine.cpu in table
    assert result.as_json()["protocol"] in table


@pytest.mark.parametrize("one", CONTESTANTS, ids=lambda one: one.name)
def test_contestants_multiply(one: Contestant) -> None:
    pytest.importorskip(one.package)
    task = Product4x1(block_pruned(24, 40, 0.5), normal(1, 40, 18))

    product, result = one.prepare(task)
    product()

    exact = task.weight @ task.tokens
    assert np.abs(result() - exact).max() <= one.tolerance * np.abs(exact).max()


def test_matrices_are_pruned_alike_in_four_rows() -> None:
    weight = block_pruned(8, 10, 0.7)

    assert (np.count_nonzero(weight, axis=1) == 3).all()
    assert ((weight[:4] != 0) == (weight[:1] != 0)).all()


def test_a_contestant_with_wrong_results_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    def prepare(task: Product4x1) -> object:
        zeros = np.zeros((task.weight.shape[0], task.tokens.shape[1]), dtype=np.float32)
        return lambda: None, lambda: zeros

    liar = Contestant("a liar", prepare, "numpy", 1e-3, False)  # type: ignore[arg-type]
    monkeypatch.setattr(products, "able", lambda: [liar])

    with pytest.raises(AssertionError, match="a liar is off"):
        bench_products([(8, 8)], [1], [0.5], runs=1)


@pytest.mark.parametrize(
    ("tokens", "shares", "message"),
    [([], [0.5], "must all be given"), ([0], [0.5], "at least 1"), ([1], [1.0], r"\[0, 1\)")],
)
def test_nothing_to_measure_is_refused(
    tokens: list[int], shares: list[float], message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message):
        bench_products([(8, 8)], tokens, shares, runs=1)
