"""How does the evaluation of one system read? As measures, with its doubts in notes; or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lsr.cli.output import emit, emit_json, note

if TYPE_CHECKING:
    from lsr.eval.cost import Cost
    from lsr.eval.experiment import Experiment
    from lsr.eval.measures import Evaluation
    from lsr.eval.query_forms import FormedQueries


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
        emit_per_query([experiment.index])
    note_missing(experiment.index, experiment.dataset)
    note_cost(experiment)


def print_splits(experiments: Sequence[Experiment], per_query: bool, json: bool) -> None:
    """Print what a model is worth on each of several sets of judgments, apart."""
    if json:
        emit_json(
            {
                "splits": {
                    one.judged_by: {**one.as_dict(), **values_of(one.index, per_query)}
                    for one in experiments
                }
            }
        )
        return
    for one in experiments:
        for measure, mean in one.index.means.items():
            emit(f"{one.judged_by}\t{measure}\t{mean:.4f}")
        if per_query:
            emit_per_query([one.index])
        note_missing(one.index, one.judged_by)
    note_cost(experiments[0])


def note_forms(formed: FormedQueries) -> None:
    """Say how many questions are left out because they lack a form."""
    n_kept = len(next(iter(formed.datasets.values())).queries.query_ids)
    for form, n_missing in formed.n_missing.items():
        if n_missing:
            note(
                f"{n_missing} of {formed.n_judged} judged queries lack the form {form} and are "
                f"left out, with their judgments; {n_kept} have every form."
            )


def emit_per_query(evaluations: Sequence[Evaluation]) -> None:
    """Print the values of single queries, a column for each evaluation."""
    for measure, values in evaluations[0].per_query.items():
        for query_id in values:
            row = [f"{evaluation.per_query[measure][query_id]:.4f}" for evaluation in evaluations]
            emit("\t".join([measure, query_id, *row]))


def values_of(evaluation: Evaluation, per_query: bool) -> dict[str, Any]:
    """Return the values of single queries as JSON values, where they are wanted."""
    return {"per_query": evaluation.per_query} if per_query else {}


def note_cost(experiment: Experiment, prefix: str = "") -> None:
    """Say what the figures cost; every line begins with `prefix`."""
    cost = experiment.cost
    note(
        f"{prefix}{experiment.n_docs:,} documents of {cost.terms_per_document:.1f} terms, "
        f"{experiment.n_queries:,} queries of {cost.terms_per_query:.1f}; "
        f"{cost.flops:.2f} products of weights a query and document (FLOPS)."
    )
    note(
        f"{prefix}Index of {cost.index_bytes:,} bytes, of which search reads {cost.search_bytes:,} "
        f"({cost.bytes_per_posting:.2f} a posting)."
    )
    indexing = "" if cost.indexing_s is None else f"indexing {cost.indexing_s:.1f} s; "
    rates = ", ".join(
        f"{rate:,.0f} queries/s with threads: {threads}"
        for threads, rate in cost.queries_per_second.items()
    )
    note(f"{prefix}Times: {indexing}{times(cost)}; {rates}.")
    if cost.peak_memory_bytes is not None:
        note(f"{prefix}Memory: at most {cost.peak_memory_bytes / 1e6:,.0f} MB.")


def times(cost: Cost) -> str:
    """Say how long single queries take, one at a time."""
    parts = {"encoding": cost.encoding, f"search of the best {cost.k:,}": cost.search}
    return "; ".join(
        f"{name} {one.mean:.2f} ms a query (p50 {one.percentile(50):.2f}, "
        f"p95 {one.percentile(95):.2f}, p99 {one.percentile(99):.2f})"
        for name, one in parts.items()
        if one is not None
    )


def note_missing(evaluation: Evaluation, name: str) -> None:
    """Say how many queries have no hits, and how many no judgments."""
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
