"""`lsr eval`: measure a model on a dataset, or score runs that exist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lsr.cli.encoder_options import (
    BackendOption,
    EncoderOptions,
    MaxLengthOption,
    MethodOption,
    ModelOption,
    PrecisionOption,
    QueryModelOption,
    QueryWeightsOption,
)
from lsr.cli.long_texts import OnLong, OnLongOption, StrideOption, parsed_passages
from lsr.cli.measuring import Measuring, loaded_datasets
from lsr.cli.output import JsonOption, QuietOption, note, set_quiet

if TYPE_CHECKING:
    from lsr.eval.datasets import Dataset
    from lsr.eval.experiment import Experiment


def evaluate(
    dataset: Annotated[
        str | None,
        typer.Option(help="Folder in BEIR's layout, or an ir_datasets id.", metavar="ID_OR_FOLDER"),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="Which judgments of the dataset, several apart: dl19 dl20.  [default: test]",
            metavar="SPLITS",
        ),
    ] = None,
    corpus: Annotated[
        str | None, typer.Option(help="Without --dataset: documents, with --queries and --qrels.")
    ] = None,
    queries: Annotated[
        Path | None, typer.Option(help="Without --dataset: queries, or topics of TREC.")
    ] = None,
    qrels: Annotated[
        Path | None, typer.Option(help="Judgments: BEIR's TSV or TREC's four columns.")
    ] = None,
    model: ModelOption = None,
    max_length: MaxLengthOption = None,
    precision: PrecisionOption = None,
    method: MethodOption = None,
    query_model: QueryModelOption = None,
    query_weights: QueryWeightsOption = None,
    backend: BackendOption = "auto",
    on_long: OnLongOption = OnLong.TRUNCATE,
    stride: StrideOption = None,
    index: Annotated[
        Path | None,
        typer.Option(help="Index of the corpus: used if it exists, else made and kept."),
    ] = None,
    run: Annotated[
        list[Path] | None,
        typer.Option(help="A run to score; with a dataset, the run to write."),
    ] = None,
    query_forms: Annotated[
        str | None,
        typer.Option(
            help="How the questions of conversations are put: one or more of last, whole, rewrite.",
            metavar="FORMS",
        ),
    ] = None,
    measures: Annotated[
        str | None,
        typer.Option(
            help="Measures by their names in ir_measures; those of the dataset's organizers if "
            "unset, else nDCG@10 R@100 RR@10."
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="What to call the system that is measured.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of the search.  [default: 1]")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            help="Folder for a page of tables and charts. Systems that are measured on the same "
            "queries with the same folder are shown together.",
            metavar="DIR",
        ),
    ] = None,
    per_query: Annotated[
        bool, typer.Option("--per-query", help="Print the values of single queries as well.")
    ] = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Measure a model on a dataset, or score runs that exist.

    A dataset is named by --dataset, or by --corpus, --queries and --qrels. It is indexed, every
    query that has judgments is searched to depth 1000, and the measures are printed with what
    rounding weights to 8 bits costs, and with time, memory and size. Beside the --run that is
    written stands a file of ir_metadata that says how it was made.

    With --qrels alone, each --run is scored, and each compared with the first by paired t-tests and
    randomization tests, corrected after Holm; the queries that moved most are named. Runs are
    TREC's, or MS MARCO's where they are named .tsv.

    Questions that are conversations are asked whole. --query-forms "last whole rewrite" asks by the
    last utterance, by all turns and by the rewrites of queries.rewrite.jsonl, on the queries that
    have all of these forms, and compares them in the same way.

    Example: echo "q1 0 d1 1" > qrels.txt && echo "q1 Q0 d1 1 9.5 lsr" > run.trec &&
    lsr eval --qrels qrels.txt --run run.trec
    """
    set_quiet(quiet)
    runs = run or []
    options = EncoderOptions(
        model,
        max_length,
        precision,
        method,
        query_model,
        query_weights,
        parsed_passages(on_long, stride),
    )
    if dataset is None and corpus is None and queries is None and qrels is not None:
        _refuse_without_dataset(
            split=split,
            **{key: value for key, value in options.settings().items() if key != "passages"},
            index=index,
            query_forms=query_forms,
            name=name,
            threads=threads,
        )
        _score_runs(qrels, runs, measures, report, per_query, json)
        return
    _refuse_outputs(runs, report)
    datasets = loaded_datasets(dataset, split, corpus, queries, qrels)
    measuring = Measuring(options, backend, on_long, index, measures, name, threads or 1)
    if query_forms is not None:
        _measure_forms(measuring, datasets, query_forms, runs, report, per_query, json)
        return
    if runs and len(datasets) > 1:
        raise typer.BadParameter("one run is written, so with --run name one --split.")
    from lsr.cli.evaluation_report import print_experiment, print_splits

    experiments = measuring.measured(datasets)
    _write_runs(runs, experiments[0])
    if report is not None:
        for one in experiments:
            _report(report if len(experiments) == 1 else report / one.split, one)
    if len(experiments) > 1:
        print_splits(experiments, per_query, json)
    else:
        print_experiment(experiments[0], per_query, json)


def _refuse_without_dataset(**options: object) -> None:
    for name, value in options.items():
        if value is not None:
            raise typer.BadParameter(
                f"--{name.replace('_', '-')} goes with --dataset; runs after --qrels exist already."
            )


def _refuse_outputs(runs: Sequence[Path], report: Path | None) -> None:
    """Refuse now what could not be written once everything is measured."""
    if report is not None:
        from lsr.eval.report_charts import require_matplotlib

        require_matplotlib()
    if len(runs) > 1:
        raise typer.BadParameter("with --dataset one run is written, so name --run once.")
    for output in runs:
        if not output.absolute().parent.is_dir():
            raise typer.BadParameter(f"there is no folder {output.parent} to write --run to.")


def _measure_forms(
    measuring: Measuring,
    datasets: Sequence[Dataset],
    query_forms: str,
    runs: Sequence[Path],
    report: Path | None,
    per_query: bool,
    json: bool,
) -> None:
    """Measure the same questions in several forms, side by side."""
    from lsr.cli.evaluation_report import note_forms, print_experiment, print_forms
    from lsr.eval.query_forms import in_forms, parse_query_forms

    if len(datasets) > 1:
        raise typer.BadParameter("with --query-forms name one --split.")
    formed = in_forms(datasets[0], parse_query_forms(query_forms))
    if runs and len(formed.datasets) > 1:
        raise typer.BadParameter("one run is written, so with --run name one of --query-forms.")
    experiments = measuring.measured(list(formed.datasets.values()))
    _write_runs(runs, experiments[0])
    if report is not None:
        for form, one in zip(formed.datasets, experiments, strict=True):
            _report(report, replace(one, system=f"{one.system}, {form}"))
    note_forms(formed)
    if len(experiments) > 1:
        print_forms(formed, experiments, per_query, json)
    else:
        print_experiment(experiments[0], per_query, json)


def _write_runs(outputs: Sequence[Path], experiment: Experiment) -> None:
    from lsr.eval.run_file import write_run
    from lsr.eval.run_metadata import metadata_path, write_metadata

    for output in outputs:
        write_run(output, experiment.run)
        write_metadata(metadata_path(output), experiment)
        note(f"The run was written to {output}, and what made it to {metadata_path(output)}.")


def _report(folder: Path, experiment: Experiment) -> None:
    from lsr.eval.report import report_on_system

    systems = report_on_system(folder, experiment)
    note(f"{folder / 'report.html'} shows {', '.join(systems)}.")


def _score_runs(
    qrels_path: Path,
    run_paths: Sequence[Path],
    measures: str | None,
    report: Path | None,
    per_query: bool,
    json: bool,
) -> None:
    from lsr.cli.evaluation_report import print_runs
    from lsr.eval import measures as measuring
    from lsr.eval.datasets import measures_of_qrels
    from lsr.eval.qrels import read_qrels
    from lsr.eval.run_file import read_run

    if not run_paths:
        raise typer.BadParameter("name at least one --run to score with --qrels.")
    if len(set(run_paths)) < len(run_paths):
        raise typer.BadParameter("a --run is named twice; name each once.")
    parsed = measuring.parse_measures(measures or measures_of_qrels(qrels_path))
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
