"""How are systems shown that were measured on a suite? Means, a row a dataset, and what they cost.

Measurements are kept in the folder of the report, and whoever measures another system on the suite
adds it to the page. Means are over the datasets that every system was measured on.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lsr.errors import EvaluationError
from lsr.eval.experiment import Experiment
from lsr.eval.output_file import made_folder
from lsr.eval.report import made_by, write_report
from lsr.eval.report_charts import (
    color_of,
    drawn,
    marker_of,
    milliseconds,
    pareto_chart,
    require_matplotlib,
)
from lsr.eval.report_contents import Chart, Report, Table
from lsr.eval.report_tables import p_in_words
from lsr.eval.significance import ALPHA, compare
from lsr.eval.stored_experiments import file_name, store_experiment, stored_experiment
from lsr.eval.suites import SUITES, SuiteResult, mean_values

SYSTEMS = "suite"
"""Folder of the measurements within that of the report; a folder a system, a file a dataset."""

Measured = Mapping[str, Mapping[str, Experiment]]
"""{system: {dataset: experiment}}."""


def report_on_suite(folder: Path, result: SuiteResult) -> list[str]:
    """Keep what was measured on a suite in a folder, and report on all systems that are there.

    Args:
        folder: where to; made if it is not there.
        result: replaces one of the same system.

    Returns:
        Names of the systems in the report, in its order, which is that of the names.

    Raises:
        EvaluationError: the systems there were measured on other datasets, on other queries, or by
            other measures.
        MissingDependencyError: matplotlib is not installed.
        InvalidInputError: the folder cannot be written to, or holds a file that is no measurement.
        DiskFullError: no space is left.
    """
    require_matplotlib()
    systems = made_folder(folder / SYSTEMS, "report")
    found: dict[str, dict[str, Experiment]] = {}
    for path in sorted(systems.glob("*/*.json")):
        one = stored_experiment(path)
        found.setdefault(one.system, {})[path.stem] = one
    (system,) = {one.system for one in result.experiments.values()}
    found[system] = result.experiments
    found = dict(sorted(found.items()))
    _refuse_others(folder, result, found)
    place = made_folder(systems / Path(file_name(system)).stem, "report")
    for name, one in result.experiments.items():
        store_experiment(place / f"{name}.json", one)
    write_report(folder, _report(result.suite, found))
    return list(found)


def _refuse_others(folder: Path, result: SuiteResult, found: Measured) -> None:
    for system, experiments in found.items():
        for name, other in experiments.items():
            one = result.experiments.get(name)
            if name not in SUITES[result.suite] or (one and _query_ids(one) != _query_ids(other)):
                raise EvaluationError(
                    f"The system {system!r} in {folder} was measured on another suite, or on other "
                    f"queries of {name}; name another folder for this report."
                )
    if not _shared(found) or not _means(found)[0]:
        raise EvaluationError(
            f"No dataset and measure is shared by the systems in {folder}; name another folder for "
            "this report."
        )


def _query_ids(experiment: Experiment) -> set[str]:
    return set(next(iter(experiment.index.per_query.values())))


def _shared(found: Measured) -> list[str]:
    """Return the datasets that every system was measured on."""
    first, *others = found.values()
    return [name for name in first if all(name in other for other in others)]


def _means(found: Measured) -> list[dict[str, float]]:
    """Return each system's means over the shared datasets, of measures that all of them have."""
    shared = _shared(found)
    means = [mean_values([one[name].index.means for name in shared]) for one in found.values()]
    return [
        {key: one[key] for key in means[0] if all(key in row for row in means)} for one in means
    ]


def _report(suite: str, found: Measured) -> Report:
    means = _means(found)
    measures = list(means[0])
    charts = [_quality_chart(suite, found, measures[0])]
    if len(found) > 1:
        shared = _shared(found)
        points = [
            (statistics.fmean(milliseconds(one[name]) for name in shared), mean[measures[0]])
            for one, mean in zip(found.values(), means, strict=True)
        ]
        charts.append(pareto_chart(points, measures[0]))
    return Report(
        title=suite,
        tables=[
            _mean_table(suite, found, means),
            *(_dataset_table(suite, found, measure) for measure in measures),
            *_comparison_table(found, measures[0]),
            *(_cost_table(suite, name, one) for name, one in found.items()),
        ],
        charts=charts,
        note=made_by(one for experiments in found.values() for one in experiments.values()),
    )


def _mean_table(suite: str, found: Measured, means: list[dict[str, float]]) -> Table:
    shared, n_datasets = _shared(found), len(SUITES[suite])
    rows = [
        [f"{number} {name}", *(f"{value:.4f}" for value in mean.values()), f"{len(one)}"]
        for number, ((name, one), mean) in enumerate(zip(found.items(), means, strict=True), 1)
    ]
    absent = [name for name in SUITES[suite] if name not in shared]
    left_out = f"; not {', '.join(absent)}" if absent else ""
    note = f"Over {len(shared)} of {n_datasets} datasets{left_out}."
    return Table("Means", ["system", *means[0], "datasets measured"], rows, note)


def _dataset_table(suite: str, found: Measured, measure: str) -> Table:
    rows = []
    for dataset in _measured_by_any(suite, found):
        values = (
            one[dataset].index.means.get(measure) if dataset in one else None
            for one in found.values()
        )
        rows.append([dataset, *("-" if value is None else f"{value:.4f}" for value in values)])
    systems = [f"{number} {name}" for number, name in enumerate(found, 1)]
    return Table(f"{measure} by dataset", ["dataset", *systems], rows)


def _measured_by_any(suite: str, found: Measured) -> list[str]:
    return [name for name in SUITES[suite] if any(name in one for one in found.values())]


def _comparison_table(found: Measured, measure: str) -> list[Table]:
    """Compare all systems with the first, dataset by dataset."""
    rows = []
    for dataset in _shared(found):
        evaluations = {system: one[dataset].index for system, one in found.items()}
        for one in compare(evaluations):
            if one.measure == measure:
                p_values = (one.p_holm, one.p_randomization_holm)
                rows.append(
                    [
                        dataset,
                        one.run,
                        f"{one.difference:+.4f}",
                        *map(p_in_words, p_values),
                        "yes" if one.is_significant else "no",
                        f"{one.wins} / {one.ties} / {one.losses}",
                    ]
                )
    columns = ["system", "difference", "p t-test", "p randomization", "significant"]
    return (
        [
            Table(
                f"{measure} against {next(iter(found))}",
                ["dataset", *columns, "wins / ties / losses"],
                rows,
                "Paired tests over the queries of each dataset, two-sided, corrected after Holm "
                f"over systems, not over datasets. Significant: both p below {ALPHA}.",
            )
        ]
        if rows
        else []
    )


def _cost_table(suite: str, system: str, experiments: Mapping[str, Experiment]) -> Table:
    rows = []
    for dataset in SUITES[suite]:
        if dataset in experiments:
            one = experiments[dataset]
            cost = one.cost
            times = [cost.search.mean, *(cost.search.percentile(share) for share in (50, 95, 99))]
            rows.append(
                [
                    *(dataset, f"{one.n_docs:,}", f"{one.n_queries:,}"),
                    "-" if cost.encoding is None else f"{cost.encoding.mean:.2f}",
                    *(f"{value:.2f}" for value in times),
                    *(f"{rate:,.0f}" for rate in cost.queries_per_second.values()),
                    *(f"{cost.terms_per_document:.1f}", f"{cost.terms_per_query:.1f}"),
                    *(f"{cost.flops:.2f}", f"{cost.index_bytes / 1e6:,.1f}"),
                    f"{cost.bytes_per_posting:.2f}",
                    "-" if cost.indexing_s is None else f"{cost.indexing_s:,.1f}",
                ]
            )
    threads = next(iter(experiments.values())).cost.queries_per_second
    return Table(
        f"Cost of {system}",
        [
            *("dataset", "documents", "queries", "encoding mean ms"),
            *(f"search {name} ms" for name in ("mean", "p50", "p95", "p99")),
            *(f"queries/s, threads: {count}" for count in threads),
            *("terms a document", "terms a query", "FLOPS", "index MB", "bytes a posting"),
            "indexing s",
        ],
        rows,
    )


def _quality_chart(suite: str, found: Measured, measure: str) -> Chart:
    datasets = _measured_by_any(suite, found)[::-1]  # the first at the top

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        for number, one in enumerate(found.values()):
            points = [
                (one[name].index.means[measure], row)
                for row, name in enumerate(datasets)
                if name in one and measure in one[name].index.means
            ]
            axes.scatter(
                *zip(*points, strict=True), s=40, color=color_of(number), marker=marker_of(number)
            )
        axes.set_yticks(range(len(datasets)), datasets)
        axes.set_xlabel(measure)

    caption = f"{measure} of each dataset; the systems have the colours of the table."
    return drawn("datasets", "Quality by dataset", caption, draw, 1.2 + 0.25 * len(datasets))
