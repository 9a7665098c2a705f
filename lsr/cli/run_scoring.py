"""How are runs that exist scored?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from lsr.cli.output import note


def score_runs(
    qrels_path: Path,
    run_paths: Sequence[Path],
    measures: str | None,
    report: Path | None,
    per_query: bool,
    json: bool,
) -> None:
    """Score runs, compare each with the first, and report on them where that is wanted."""
    from lsr.cli.side_by_side import print_runs
    from lsr.eval import measures as measuring
    from lsr.eval.datasets import measures_of_qrels
    from lsr.eval.qrels import read_qrels
    from lsr.eval.run_file import read_run

    if not run_paths:
        raise typer.BadParameter("name at least one --run to score with --qrels.")
    if len(set(run_paths)) < len(run_paths):
        raise typer.BadParameter("a --run is named twice; name each once.")
    parsed = measuring.parse_measures(
        measures_of_qrels(qrels_path) if measures is None else measures
    )
    qrels = read_qrels(qrels_path)
    paths = _named(run_paths)
    evaluations = {
        name: measuring.evaluate(qrels, read_run(path), parsed) for name, path in paths.items()
    }
    if report is not None:
        from lsr.eval.report import report_on_runs

        report_on_runs(report, str(qrels_path), evaluations)
        note(f"{report / 'report.html'} shows {', '.join(evaluations)}.")
    print_runs(qrels_path, paths, evaluations, per_query, json)


def _named(paths: Sequence[Path]) -> dict[str, Path]:
    """Name runs by their files, or by their whole paths where two files have the same name."""
    by_name = {path.name: path for path in paths}
    return by_name if len(by_name) == len(paths) else {str(path): path for path in paths}
