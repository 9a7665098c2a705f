"""Is one run better than another, or was it luck? Paired tests over the same queries.

Each run is compared with the first by a two-sided paired t-test on the values of single queries.
p values of one measure are corrected by Holm's step-down rule: sorted rising, the i-th of m is
multiplied by m - i, counted from 0, and never falls below the one before it.

Paper: Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of
Statistics, 1979.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lsr.errors import EvaluationError
from lsr.eval.measures import Evaluation


@dataclass(frozen=True, slots=True)
class Comparison:
    """One run against the first, on one measure.

    Attributes:
        measure: name of the measure.
        run: name of the run.
        baseline: name of the first run.
        difference: mean of the run minus mean of the baseline.
        p_value: of the paired t-test; None with fewer than two queries.
        p_holm: `p_value` corrected for the number of runs compared; None as well.
        wins: queries on which the run is above the baseline.
        ties: queries with equal values.
        losses: queries on which the run is below the baseline.
    """

    measure: str
    run: str
    baseline: str
    difference: float
    p_value: float | None
    p_holm: float | None
    wins: int
    ties: int
    losses: int


def compare(evaluations: Mapping[str, Evaluation]) -> list[Comparison]:
    """Compare every run with the first on every measure.

    Args:
        evaluations: {name of the run: its evaluation}, all on the same qrels and measures.

    Raises:
        EvaluationError: two runs were evaluated on different queries.
    """
    (baseline, first), *others = evaluations.items()
    comparisons = []
    for measure, values in first.per_query.items():
        differences = {}
        for name, other in others:
            if other.per_query[measure].keys() != values.keys():
                raise EvaluationError(f"{name} and {baseline} were evaluated on different queries.")
            differences[name] = np.array(
                [other.per_query[measure][query_id] - value for query_id, value in values.items()]
            )
        p_values = [_paired_t_test(difference) for difference in differences.values()]
        for (name, difference), p_value, p_holm in zip(
            differences.items(), p_values, holm(p_values), strict=True
        ):
            comparisons.append(
                Comparison(
                    measure=measure,
                    run=name,
                    baseline=baseline,
                    difference=float(difference.mean()),
                    p_value=_or_none(p_value),
                    p_holm=_or_none(p_holm),
                    wins=int((difference > 0).sum()),
                    ties=int((difference == 0).sum()),
                    losses=int((difference < 0).sum()),
                )
            )
    return comparisons


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Correct the p values of a family of tests, returned in the order given."""
    raw = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(raw)
    stepped = np.maximum.accumulate(raw[order] * np.arange(raw.size, 0, -1))
    corrected = np.empty_like(raw)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected


def _paired_t_test(difference: NDArray[np.float64]) -> float:
    import scipy.stats

    if difference.size < 2:
        return math.nan
    if not difference.any():
        return 1.0  # the test statistic is 0 / 0
    with warnings.catch_warnings():
        # All differences equal: the statistic is infinite and p is 0, which is meant.
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(scipy.stats.ttest_rel(difference, np.zeros_like(difference)).pvalue)


def _or_none(p_value: float) -> float | None:
    return None if math.isnan(p_value) else float(p_value)
