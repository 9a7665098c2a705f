import math

import numpy as np
import pytest
import scipy.stats

from lsr.errors import EvaluationError
from lsr.eval.measures import Evaluation
from lsr.eval.significance import N_PERMUTATIONS, MovedQuery, compare, holm, randomization_test


def _evaluation(values: list[float]) -> Evaluation:
    per_query = {"nDCG@10": {f"q{number}": value for number, value in enumerate(values)}}
    return Evaluation({"nDCG@10": float(np.mean(values))}, per_query, 0)


def test_holm_is_the_published_step_down_rule() -> None:
    # 0.01 * 4, 0.02 * 3, max(0.06, 0.025 * 2), max(0.06, 0.9 * 1)
    assert holm([0.025, 0.01, 0.9, 0.02]) == pytest.approx([0.06, 0.04, 0.9, 0.06])


def test_holm_never_passes_one() -> None:
    assert holm([0.7, 0.8]).tolist() == [1.0, 1.0]


def test_p_value_is_that_of_sign_flips() -> None:
    """A randomization test, which assumes no distribution, agrees on many queries."""
    generator = np.random.default_rng(7)
    first = generator.random(200)
    second = first + generator.normal(0.02, 0.15, 200)
    difference = second - first
    flips = generator.choice([-1, 1], (20_000, 200)) @ difference / 200
    expected = np.mean(np.abs(flips) >= abs(difference.mean()))

    (comparison,) = compare({"a": _evaluation(first.tolist()), "b": _evaluation(second.tolist())})

    assert comparison.p_value == pytest.approx(expected, abs=0.01)
    assert comparison.p_holm == comparison.p_value
    assert 0.001 < expected < 0.5, "the case is meant to be neither certain nor hopeless"


def test_counts_wins_ties_and_losses_against_the_first_run() -> None:
    comparisons = compare(
        {
            "base": _evaluation([0.5, 0.5, 0.5, 0.5]),
            "new": _evaluation([0.6, 0.7, 0.5, 0.1]),
            "same": _evaluation([0.5, 0.5, 0.5, 0.5]),
        }
    )

    assert [(one.run, one.wins, one.ties, one.losses) for one in comparisons] == [
        ("new", 2, 1, 1),
        ("same", 0, 4, 0),
    ]
    assert comparisons[0].difference == pytest.approx(-0.025)
    assert (comparisons[1].p_value, comparisons[1].p_holm) == (1.0, 1.0)
    assert comparisons[0].p_holm == pytest.approx(
        min(1.0, 2 * (comparisons[0].p_value or math.nan))
    )


def test_equal_gains_everywhere_are_certain() -> None:
    (comparison,) = compare({"a": _evaluation([0.25] * 9), "b": _evaluation([0.5] * 9)})

    assert comparison.p_value == 0.0


def test_one_query_has_no_p_value() -> None:
    (comparison,) = compare({"a": _evaluation([0.1]), "b": _evaluation([0.4])})

    assert (comparison.p_value, comparison.p_holm) == (None, None)


def test_one_run_is_compared_with_nothing() -> None:
    assert compare({"a": _evaluation([0.1, 0.2])}) == []


def test_refuses_runs_over_different_queries() -> None:
    with pytest.raises(EvaluationError, match="b and a were evaluated on different queries"):
        compare({"a": _evaluation([0.1, 0.2]), "b": _evaluation([0.1])})


@pytest.mark.parametrize("n_queries", [2, 7, 13])
def test_few_queries_are_flipped_in_every_way(n_queries: int) -> None:
    """SciPy flips the signs of a single sample in every way as well, once it is asked for enough.

    Steps of a quarter make many equal sums, which must all count as being as far from 0.
    """
    difference = np.random.default_rng(n_queries).integers(-3, 5, n_queries) / 4

    expected = scipy.stats.permutation_test(
        (difference,), np.mean, permutation_type="samples", n_resamples=2**n_queries
    ).pvalue

    assert randomization_test(difference) == pytest.approx(expected, abs=1e-12)


def test_many_queries_are_flipped_at_random_but_the_same_each_time() -> None:
    difference = np.random.default_rng(3).normal(0.05, 0.3, 100)

    expected = scipy.stats.permutation_test(
        (difference,), np.mean, permutation_type="samples", n_resamples=99_999, rng=1
    ).pvalue

    found = randomization_test(difference)
    # Three standard errors of a share p among 10,000.
    error = 3 * math.sqrt(expected * (1 - expected) / N_PERMUTATIONS)
    assert found == pytest.approx(expected, abs=error)
    assert found == randomization_test(difference)


def test_chance_alone_can_never_make_p_zero() -> None:
    assert randomization_test(np.full(200, 0.1)) == 1 / (N_PERMUTATIONS + 1)


def test_effect_size_is_the_mean_difference_in_standard_deviations() -> None:
    (comparison,) = compare({"a": _evaluation([0.1, 0.2, 0.4]), "b": _evaluation([0.3, 0.3, 0.7])})

    # Differences 0.2, 0.1, 0.3: mean 0.2, standard deviation 0.1.
    assert comparison.effect_size == pytest.approx(2.0)


@pytest.mark.parametrize("values", [[0.5], [0.5, 0.5]])
def test_equal_differences_have_no_effect_size(values: list[float]) -> None:
    (comparison,) = compare({"a": _evaluation([0.25] * len(values)), "b": _evaluation(values)})

    assert comparison.effect_size is None


def test_names_the_ten_queries_that_moved_most() -> None:
    base = [0.5] * 15
    new = [0.5 + (-1) ** row * row / 40 for row in range(13)] + [0.5, 0.5]

    (comparison,) = compare({"a": _evaluation(base), "b": _evaluation(new)})

    assert [one.query_id for one in comparison.moved] == [f"q{row}" for row in range(12, 2, -1)]
    assert comparison.moved[1] == MovedQuery("q11", 0.5, new[11])


def test_queries_that_did_not_move_are_not_named() -> None:
    (comparison,) = compare({"a": _evaluation([0.5, 0.1]), "b": _evaluation([0.5, 0.3])})

    assert [one.query_id for one in comparison.moved] == ["q1"]


def test_significance_needs_both_tests() -> None:
    """Ten differences of 0.5 and ten of 0 are certain for both; two queries are for neither."""
    base = [0.0] * 20
    (sure,) = compare({"a": _evaluation(base), "b": _evaluation([0.5] * 10 + [0.0] * 10)})
    (unsure,) = compare({"a": _evaluation([0.0, 0.0]), "b": _evaluation([0.5, 0.5])})

    assert sure.is_significant
    assert (unsure.p_holm, unsure.p_randomization, unsure.is_significant) == (0.0, 0.5, False)
