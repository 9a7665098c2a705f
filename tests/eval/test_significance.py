import math

import numpy as np
import pytest

from lsr.errors import EvaluationError
from lsr.eval.measures import Evaluation
from lsr.eval.significance import compare, holm


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
