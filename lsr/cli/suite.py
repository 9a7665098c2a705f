"""How is a suite of datasets measured, and shown?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lsr.cli.measuring import Measuring
from lsr.cli.output import emit, emit_json, note

if TYPE_CHECKING:
    from lsr.eval.datasets import Dataset
    from lsr.eval.suites import SuiteResult


def measure_suite(
    measuring: Measuring,
    system: str,
    suite: str,
    folder: Path | None,
    results: Path,
    report: Path | None,
    json: bool,
) -> None:
    """Measure all datasets of a suite that have no result in a folder yet, and print means.

    Args:
        measuring: how to measure.
        system: its name.
        suite: one of `lsr.eval.suites.SUITES`.
        folder: holds the datasets as folders; None to ask ir_datasets.
        results: keeps each dataset's result.
        report: folder of the report; None for none.
        json: print JSON.
    """
    from lsr.eval.suites import run_suite

    def names(dataset: Dataset) -> set[str]:
        return {str(one) for one in measuring.measures_of(dataset)}

    result = run_suite(
        *(suite, folder, results, system, names),
        lambda dataset: measuring.measured([dataset])[0][0],
        lambda name, outcome: note(f"{name}: {outcome}"),
    )
    if report is not None:
        from lsr.eval.suite_report import report_on_suite

        systems = report_on_suite(report, result)
        note(f"{report / 'report.html'} shows {', '.join(systems)}.")
    if json:
        emit_json(_as_json(result, system))
    else:
        _emit(result)


def _emit(result: SuiteResult) -> None:
    measures = list(result.means)
    emit("\t".join(["dataset", *measures]))
    for name, one in result.experiments.items():
        emit("\t".join([name, *(f"{one.index.means[measure]:.4f}" for measure in measures)]))
    emit("\t".join([f"mean of {result.extent}", *(f"{one:.4f}" for one in result.means.values())]))
    if result.missing:
        note(
            f"The means are over {result.extent} datasets and not those of {result.suite}: "
            f"{', '.join(result.missing)} could not be measured, for the reasons above."
        )


def _as_json(result: SuiteResult, system: str) -> dict[str, object]:
    return {
        "suite": result.suite,
        "system": system,
        "means": result.means,
        "n_measured": len(result.experiments),
        "n_datasets": len(result.experiments) + len(result.missing),
        "datasets": {name: one.as_dict() for name, one in result.experiments.items()},
        "missing": result.missing,
    }
