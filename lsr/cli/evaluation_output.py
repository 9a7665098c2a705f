"""Which files does an evaluation write? Runs with what made them, and a report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from lsr.cli.output import note

if TYPE_CHECKING:
    from lsr.eval.experiment import Experiment


def refuse_outputs(runs: Sequence[Path], report: Path | None) -> None:
    """Refuse now what could not be written once everything is measured."""
    if report is not None:
        from lsr.eval.output_file import made_folder
        from lsr.eval.report_charts import require_matplotlib

        require_matplotlib()
        made_folder(report, "report")
    if len(set(runs)) < len(runs):
        raise typer.BadParameter("a --run is named twice; name each once.")
    for output in runs:
        if not output.absolute().parent.is_dir():
            raise typer.BadParameter(f"there is no folder {output.parent} to write --run to.")


def write_runs(outputs: Sequence[Path], experiments: Sequence[Experiment]) -> None:
    """Write the run of each experiment to its file; to none, where none is named."""
    from lsr.eval.run_file import write_run
    from lsr.eval.run_metadata import metadata_path, write_metadata

    for output, experiment in zip(outputs, experiments, strict=bool(outputs)):
        write_run(output, experiment.run)
        write_metadata(metadata_path(output), experiment)
        note(f"The run was written to {output}, and what made it to {metadata_path(output)}.")


def write_report(folder: Path, experiments: Sequence[Experiment]) -> None:
    """Add systems that were measured on the same queries to the report in a folder."""
    from lsr.eval.report import report_on_systems

    systems = report_on_systems(folder, experiments)
    note(f"{folder / 'report.html'} shows {', '.join(systems)}.")
