"""How do systems read side by side? A column each, and how far it is from the first; or as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsr.cli.evaluation_report import (
    emit_per_query,
    note_cost,
    note_missing,
    print_experiment,
    print_splits,
    times,
    values_of,
)
from lsr.cli.output import emit, emit_json, note
from lsr.eval.significance import compare

if TYPE_CHECKING:
    from lsr.eval.experiment import Experiment
    from lsr.eval.measures import Evaluation
    from lsr.eval.query_forms import FormedQueries
    from lsr.eval.significance import Comparison


def print_experiments(
    experiments: Sequence[Sequence[Experiment]], per_query: bool, json: bool
) -> None:
    """Print what systems are worth on each of one or more sets of judgments.

    Args:
        experiments: for each set of judgments, those of the same systems.
        per_query: print the values of single queries as well.
        json: print JSON.
    """
    if len(experiments[0]) > 1:
        _print_systems(experiments, per_query, json)
    elif len(experiments) > 1:
        print_splits([one for (one,) in experiments], per_query, json)
    else:
        print_experiment(experiments[0][0], per_query, json)


def _print_systems(
    experiments: Sequence[Sequence[Experiment]], per_query: bool, json: bool
) -> None:
    if json:
        reports = {
            several[0].judged_by: _systems_as_json(several, per_query) for several in experiments
        }
        (first, *others) = reports.values()
        emit_json({"splits": reports} if others else first)
        return
    for number, several in enumerate(experiments):
        if len(experiments) > 1:
            emit(several[0].judged_by if number == 0 else f"\n{several[0].judged_by}")
        _emit_table({one.system: one.index for one in several}, per_query)
    for one in experiments[0]:
        note_cost(one, f"{one.system}: ")


def _systems_as_json(experiments: Sequence[Experiment], per_query: bool) -> dict[str, Any]:
    return {
        "systems": [{**one.as_dict(), **values_of(one.index, per_query)} for one in experiments],
        "comparisons": _as_json(compare({one.system: one.index for one in experiments})),
    }


def print_forms(
    formed: FormedQueries, experiments: Sequence[Experiment], per_query: bool, json: bool
) -> None:
    """Print what a model is worth on the same questions in several forms, side by side.

    Args:
        formed: the forms.
        experiments: one a form.
        per_query: print the values of single queries as well.
        json: print JSON.
    """
    by_form = dict(zip(map(str, formed.datasets), experiments, strict=True))
    evaluations = {form: experiment.index for form, experiment in by_form.items()}
    if json:
        emit_json(
            {
                "n_judged": formed.n_judged,
                "n_missing": formed.n_missing,
                "forms": {
                    form: {**one.as_dict(), **values_of(one.index, per_query)}
                    for form, one in by_form.items()
                },
                "comparisons": _as_json(compare(evaluations)),
            }
        )
        return
    _emit_table(evaluations, per_query)
    for form, one in by_form.items():
        note(f"{form}: {one.cost.terms_per_query:.1f} terms a query; {times(one.cost)}.")


def print_runs(
    qrels: Path,
    paths: Mapping[str, Path],
    evaluations: Mapping[str, Evaluation],
    per_query: bool,
    json: bool,
) -> None:
    """Print what runs are worth, side by side.

    Args:
        qrels: the judgments.
        paths: {name of the run: its file}.
        evaluations: {name of the run: its evaluation}.
        per_query: print the values of single queries as well.
        json: print JSON.
    """
    if json:
        emit_json(
            {
                "qrels": str(qrels),
                "runs": [
                    {
                        "run": name,
                        "path": str(paths[name]),
                        "measures": one.means,
                        "n_queries": one.n_queries,
                        "n_queries_without_hits": one.n_without_hits,
                        "n_queries_without_judgments": one.n_without_judgments,
                        **values_of(one, per_query),
                    }
                    for name, one in evaluations.items()
                ],
                "comparisons": _as_json(compare(evaluations)),
            }
        )
        return
    _emit_table(evaluations, per_query)


def _emit_table(evaluations: Mapping[str, Evaluation], per_query: bool) -> None:
    """Print a column for each evaluation, then what the first is better or worse in."""
    columns = list(evaluations.values())
    if len(columns) > 1:
        emit("\t".join(["measure", *evaluations]))
    for measure in columns[0].means:
        emit("\t".join([measure, *(f"{one.means[measure]:.4f}" for one in columns)]))
    if per_query:
        emit_per_query(columns)
    _emit_comparisons(compare(evaluations))
    for name, evaluation in evaluations.items():
        note_missing(evaluation, name)


def _emit_comparisons(comparisons: Sequence[Comparison]) -> None:
    if not comparisons:
        return
    emit(
        f"\nagainst {comparisons[0].baseline}, by paired t-test and by randomization test "
        f"({comparisons[0].n_permutations:,} permutations), corrected after Holm:"
    )
    emit(
        "measure\trun\tdifference\teffect size\tp t-test\tp randomization\tsignificant\t"
        "wins\tties\tlosses"
    )
    for one in comparisons:
        figures = [
            "-" if value is None else f"{value:.4f}"
            for value in (one.effect_size, one.p_holm, one.p_randomization_holm)
        ]
        verdict = "yes" if one.is_significant else "no"
        counts = [str(count) for count in (one.wins, one.ties, one.losses)]
        emit(
            "\t".join([one.measure, one.run, f"{one.difference:+.4f}", *figures, verdict, *counts])
        )
    for one in comparisons:
        if one.measure == comparisons[0].measure:
            _emit_moved(one)


def _as_json(comparisons: Sequence[Comparison]) -> list[dict[str, Any]]:
    return [{**asdict(one), "significant": one.is_significant} for one in comparisons]


def _emit_moved(comparison: Comparison) -> None:
    emit(f"\nmoved most, {comparison.measure}, {comparison.baseline} to {comparison.run}:")
    for one in comparison.moved:
        emit(f"{one.query_id}\t{one.baseline:.4f}\t{one.run:.4f}\t{one.run - one.baseline:+.4f}")
