"""Is one run better than another, or was it luck? Paired tests over the same queries.

Each run is compared with the first on the differences of single queries, by two two-sided tests:
the paired t-test, and a randomization test, which assumes no distribution: if the runs were equally
good, each difference could as well have had the other sign. It counts the flips of signs whose mean
is at least as far from 0 as the one observed: all of them where there are no more than
`N_PERMUTATIONS`, otherwise that many at random, always the same ones.

p values of one measure are corrected by Holm's step-down rule: sorted rising, the i-th of m is
multiplied by m - i, counted from 0, and never falls below the one before it.

Papers: Smucker, Allan, Carterette, "A Comparison of Statistical Significance Tests for Information
Retrieval Evaluation", CIKM 2007. Holm, "A Simple Sequentially Rejective Multiple Test Procedure",
Scandinavian Journal of Statistics, 1979.
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

N_PERMUTATIONS = 10_000
"""Flips of signs that the randomization test looks at; p is known to 0.004 at 0.05."""

SEED = 20_240_501
N_MOVED = 10
ALPHA = 0.05

_CELLS_AT_ONCE = 1 << 21


@dataclass(frozen=True, slots=True)
class MovedQuery:
    """A query on which two runs differ much.

    Attributes:
        query_id: which one.
        baseline: value of the first run.
        run: value of the other.
    """

    query_id: str
    baseline: float
    run: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """One run against the first, on one measure.

    Attributes:
        measure: name of the measure.
        run: name of the run.
        baseline: name of the first run.
        difference: mean of the run minus mean of the baseline.
        effect_size: Cohen's d of paired differences, their mean in standard deviations; None with
            fewer than two queries, or where all differ by the same.
        p_value: of the paired t-test; None with fewer than two queries.
        p_holm: `p_value` corrected for the number of runs compared; None as well.
        p_randomization: of the randomization test; None with fewer than two queries.
        p_randomization_holm: the same, corrected.
        n_permutations: flips of signs behind `p_randomization`.
        wins: queries on which the run is above the baseline.
        ties: queries with equal values.
        losses: queries on which the run is below the baseline.
        moved: the queries that differ most, at most `N_MOVED`, those that differ at all.
    """

    measure: str
    run: str
    baseline: str
    difference: float
    effect_size: float | None
    p_value: float | None
    p_holm: float | None
    p_randomization: float | None
    p_randomization_holm: float | None
    n_permutations: int
    wins: int
    ties: int
    losses: int
    moved: list[MovedQuery]

    @property
    def is_significant(self) -> bool:
        """Whether both corrected p values are below `ALPHA`."""
        p_values = (self.p_holm, self.p_randomization_holm)
        return all(p_value is not None and p_value < ALPHA for p_value in p_values)


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
        t_tests = [_paired_t_test(one) for one in differences.values()]
        randomizations = [randomization_test(one) for one in differences.values()]
        for (name, difference), *p_values in zip(
            differences.items(),
            *(t_tests, holm(t_tests), randomizations, holm(randomizations)),
            strict=True,
        ):
            p_value, p_holm, p_randomization, p_randomization_holm = map(_or_none, p_values)
            comparisons.append(
                Comparison(
                    measure=measure,
                    run=name,
                    baseline=baseline,
                    difference=float(difference.mean()),
                    effect_size=_effect_size(difference),
                    p_value=p_value,
                    p_holm=p_holm,
                    p_randomization=p_randomization,
                    p_randomization_holm=p_randomization_holm,
                    n_permutations=_n_permutations(difference.size),
                    wins=int((difference > 0).sum()),
                    ties=int((difference == 0).sum()),
                    losses=int((difference < 0).sum()),
                    moved=_moved(values, dict(others)[name].per_query[measure], difference),
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


def randomization_test(difference: NDArray[np.float64]) -> float:
    """Return the two-sided p value of paired differences; NaN with fewer than two."""
    n_queries = difference.size
    if n_queries < 2:
        return math.nan
    n_flips = _n_permutations(n_queries)
    is_exact = n_flips == 2**n_queries
    # Equal sums in another order differ in their last bits, and must not count as smaller.
    observed = abs(difference.sum()) - 1e-12 * np.abs(difference).sum()
    generator = np.random.default_rng(SEED)
    n_as_far = 0
    step = max(1, _CELLS_AT_ONCE // n_queries)
    for start in range(0, n_flips, step):
        stop = min(start + step, n_flips)
        if is_exact:
            flips = np.arange(start, stop)[:, None] >> np.arange(n_queries) & 1
        else:
            flips = generator.integers(0, 2, (stop - start, n_queries), dtype=np.int8)
        sums = difference.sum() - 2 * (flips.astype(np.float64) @ difference)
        n_as_far += int((np.abs(sums) >= observed).sum())
    # What was observed is a flip itself: the exact test has counted it, at random it is one more.
    return n_as_far / n_flips if is_exact else (n_as_far + 1) / (n_flips + 1)


def _n_permutations(n_queries: int) -> int:
    return min(N_PERMUTATIONS, 2 ** min(n_queries, 64))


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


def _effect_size(difference: NDArray[np.float64]) -> float | None:
    if difference.size < 2 or np.ptp(difference) == 0:
        return None
    return float(difference.mean() / difference.std(ddof=1))


def _moved(
    baseline: Mapping[str, float], run: Mapping[str, float], difference: NDArray[np.float64]
) -> list[MovedQuery]:
    query_ids = list(baseline)
    order = np.argsort(-np.abs(difference), kind="stable")[:N_MOVED].tolist()
    return [
        MovedQuery(query_ids[row], baseline[query_ids[row]], run[query_ids[row]])
        for row in order
        if difference[row]
    ]


def _or_none(p_value: float) -> float | None:
    return None if math.isnan(p_value) else float(p_value)
