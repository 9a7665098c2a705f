"""How are systems shown beside each other? As one HTML page, needing nothing else, and Markdown.

A report holds quality, what it cost, tests of significance and charts. It is made of runs, or of
measured systems: those are kept in the folder of the report, and whoever measures another one on
the same queries adds it to the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import lsr
from lsr.errors import EvaluationError
from lsr.eval.experiment import Experiment
from lsr.eval.measures import Evaluation
from lsr.eval.output_file import made_folder, replacing
from lsr.eval.report_charts import draw_charts
from lsr.eval.report_contents import Report
from lsr.eval.report_page import as_page
from lsr.eval.report_tables import as_markdown, report_tables
from lsr.eval.significance import compare
from lsr.eval.stored_experiments import file_name, store_experiment, stored_experiment

SYSTEMS = "systems"
"""Folder of the measurements within that of the report."""


def report_on_runs(folder: Path, title: str, evaluations: Mapping[str, Evaluation]) -> None:
    """Write the report of runs.

    Args:
        folder: where to; made if it is not there.
        title: what they were scored with.
        evaluations: {name: evaluation}; the others are compared with the first.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        InvalidInputError: the folder cannot be written to.
        DiskFullError: no space is left.
    """
    _write(folder, title, evaluations, {})


def report_on_systems(folder: Path, experiments: Sequence[Experiment]) -> list[str]:
    """Keep measured systems in a folder, and write the report of all that are there.

    Args:
        folder: where to; made if it is not there.
        experiments: of the same queries; each replaces one of the same name.

    Returns:
        Names of the systems in the report, in its order, which is that of the names.

    Raises:
        EvaluationError: the systems there were measured on other queries, or by other measures.
        MissingDependencyError: matplotlib is not installed.
        InvalidInputError: the folder cannot be written to, or holds a file that is no measurement.
        DiskFullError: no space is left.
    """
    systems = made_folder(folder / SYSTEMS, "report")
    found = {one.system: one for one in map(stored_experiment, sorted(systems.glob("*.json")))}
    found = dict(sorted((found | {one.system: one for one in experiments}).items()))
    first = experiments[0]
    _refuse_other_queries(folder, first, found)
    shared = [
        measure
        for measure in first.index.means
        if all(measure in one.index.means for one in found.values())
    ]
    if not shared:
        raise EvaluationError(
            f"The systems in {folder} were not measured by {' '.join(first.index.means)}; "
            "name one of their --measures, or another folder."
        )
    for one in experiments:
        store_experiment(systems / file_name(one.system), one)
    evaluations = {name: _only(one.index, shared) for name, one in found.items()}
    title = f"{first.dataset} {first.split}".strip()
    _write(folder, title, evaluations, found)
    return list(found)


def _refuse_other_queries(
    folder: Path, experiment: Experiment, found: Mapping[str, Experiment]
) -> None:
    asked = _query_ids(experiment)
    for name, other in found.items():
        if _query_ids(other) != asked:
            raise EvaluationError(
                f"The system {name!r} in {folder} was measured on other queries, those of "
                f"{other.dataset!r}; name another folder for this report."
            )


def _query_ids(experiment: Experiment) -> set[str]:
    return set(next(iter(experiment.index.per_query.values())))


def _only(evaluation: Evaluation, measures: list[str]) -> Evaluation:
    return Evaluation(
        {measure: evaluation.means[measure] for measure in measures},
        {measure: evaluation.per_query[measure] for measure in measures},
        evaluation.n_without_hits,
        evaluation.n_without_judgments,
    )


def _write(
    folder: Path,
    title: str,
    evaluations: Mapping[str, Evaluation],
    experiments: Mapping[str, Experiment],
) -> None:
    write_report(
        folder,
        Report(
            title=title,
            tables=report_tables(evaluations, experiments, compare(evaluations)),
            charts=draw_charts(evaluations, experiments),
            note=made_by(experiments.values()),
        ),
    )


def made_by(experiments: Iterable[Experiment]) -> str:
    """Return what made a report, and which machines its experiments ran on."""
    machines = dict.fromkeys(one.cost.machine for one in experiments)
    measured = f" Measured on {'; '.join(machines)}." if machines else ""
    return f"Made by lsr-engine {lsr.__version__}.{measured}"


def write_report(folder: Path, report: Report) -> None:
    """Write a report as a page, as Markdown, and its charts.

    Raises:
        InvalidInputError: the folder cannot be written to.
        DiskFullError: no space is left.
    """
    made_folder(folder, "report")
    for chart in report.charts:
        with replacing(folder / f"{chart.name}.svg", "chart") as file:
            file.write(chart.light)
    contents = {"report.html": as_page(report), "report.md": as_markdown(report)}
    for name, text in contents.items():
        with replacing(folder / name, "report") as file:
            file.write(text.encode())
