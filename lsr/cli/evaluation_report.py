"""How does an evaluation read? As a table of measures, with its doubts in notes; or as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsr.cli.output import emit, emit_json, note
from lsr.eval.significance import compare

if TYPE_CHECKING:
    from lsr.eval.cost import Cost
    from lsr.eval.experiment import Experiment
    from lsr.eval.measures import Evaluation
    from lsr.eval.query_forms import FormedQueries
    from lsr.eval.significance import Comparison


def print_experiment(experiment: Experiment, per_query: bool, json: bool) -> None:
    """Print what a model is worth on a dataset."""
    if json:
        values = {"per_query": experiment.index.per_query} if per_query else {}
        emit_json({**experiment.as_dict(), **values})
        return
    costs = experiment.quantization_cost
    for measure, mean in experiment.index.means.items():
        line = f"{measure}\t{mean:.4f}"
        if costs is not None:
            line += f"\tfloat {mean + costs[measure]:.4f}\tquantizer's cost {costs[measure]:+.4f}"
        emit(line)
    if per_query:
        _emit_per_query([experiment.index])
    _note_missing(experiment.index, experiment.dataset)
    _note_cost(experiment)


def print_splits(experiments: Sequence[Experiment], per_query: bool, json: bool) -> None:
    """Print what a model is worth on each of several sets of judgments, apart."""
    if json:
        emit_json(
            {
                "splits": {
                    one.split: {**one.as_dict(), **_values(one.index, per_query)}
                    for one in experiments
                }
            }
        )
        return
    for one in experiments:
        for measure, mean in one.index.means.items():
            emit(f"{one.split}\t{measure}\t{mean:.4f}")
        if per_query:
            _emit_per_query([one.index])
        _note_missing(one.index, one.split)
    _note_cost(experiments[0])


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
                    form: {**one.as_dict(), **_values(one.index, per_query)}
                    for form, one in by_form.items()
                },
                "comparisons": _as_json(compare(evaluations)),
            }
        )
        return
    _emit_table(evaluations, per_query)
    for form, one in by_form.items():
        note(f"{form}: {one.cost.terms_per_query:.1f} terms a query; {_times(one.cost)}.")


def note_forms(formed: FormedQueries) -> None:
    """Say how many questions are left out because they lack a form."""
    n_kept = len(next(iter(formed.datasets.values())).queries.query_ids)
    for form, n_missing in formed.n_missing.items():
        if n_missing:
            note(
                f"{n_missing} of {formed.n_judged} judged queries lack the form {form} and are "
                f"left out, with their judgments; {n_kept} have every form."
            )


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
                        **_values(one, per_query),
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
        _emit_per_query(columns)
    _emit_comparisons(compare(evaluations))
    for name, evaluation in evaluations.items():
        _note_missing(evaluation, name)


def _emit_per_query(evaluations: Sequence[Evaluation]) -> None:
    for measure, values in evaluations[0].per_query.items():
        for query_id in values:
            row = [f"{evaluation.per_query[measure][query_id]:.4f}" for evaluation in evaluations]
            emit("\t".join([measure, query_id, *row]))


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


def _values(evaluation: Evaluation, per_query: bool) -> dict[str, Any]:
    return {"per_query": evaluation.per_query} if per_query else {}


def _note_cost(experiment: Experiment) -> None:
    """Say what the figures cost."""
    cost = experiment.cost
    note(
        f"{experiment.n_docs:,} documents of {cost.terms_per_document:.1f} terms, "
        f"{experiment.n_queries:,} queries of {cost.terms_per_query:.1f}; "
        f"{cost.flops:.2f} products of weights a query and document (FLOPS)."
    )
    note(
        f"Index of {cost.index_bytes:,} bytes, of which search reads {cost.search_bytes:,} "
        f"({cost.bytes_per_posting:.2f} a posting)."
    )
    indexing = "" if cost.indexing_s is None else f"indexing {cost.indexing_s:.1f} s; "
    rates = ", ".join(
        f"{rate:,.0f} queries/s with threads: {threads}"
        for threads, rate in cost.queries_per_second.items()
    )
    note(f"Times: {indexing}{_times(cost)}; {rates}.")
    if cost.peak_memory_bytes is not None:
        note(f"Memory: at most {cost.peak_memory_bytes / 1e6:,.0f} MB.")


def _times(cost: Cost) -> str:
    """Say how long single queries take, one at a time."""
    parts = {"encoding": cost.encoding, f"search of the best {cost.k:,}": cost.search}
    return "; ".join(
        f"{name} {one.mean:.2f} ms a query (p50 {one.percentile(50):.2f}, "
        f"p95 {one.percentile(95):.2f}, p99 {one.percentile(99):.2f})"
        for name, one in parts.items()
        if one is not None
    )


def _note_missing(evaluation: Evaluation, name: str) -> None:
    if evaluation.n_without_hits:
        note(
            f"{name}: {evaluation.n_without_hits} of {evaluation.n_queries} queries have judgments "
            "but no hits; they count as 0."
        )
    if evaluation.n_without_judgments:
        note(
            f"{name}: {evaluation.n_without_judgments} queries of the run have no judgments; they "
            "count for nothing."
        )
