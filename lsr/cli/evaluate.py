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
    TemplateOption,
)
from lsr.cli.long_texts import OnLong, OnLongOption, StrideOption, parsed_passages
from lsr.cli.measuring import Measuring, loaded_datasets
from lsr.cli.output import JsonOption, QuietOption, note, set_quiet
from lsr.cli.run_scoring import score_runs

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
    suite: Annotated[
        str | None,
        typer.Option(help="Without --dataset: measure on a suite of them, beir-13."),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(help="With --suite: holds the datasets as folders; unset: ir_datasets."),
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option(help="With --suite: keeps each dataset's result, to go on from there."),
    ] = None,
    model: ModelOption = None,
    max_length: MaxLengthOption = None,
    precision: PrecisionOption = None,
    method: MethodOption = None,
    query_model: QueryModelOption = None,
    query_weights: QueryWeightsOption = None,
    template: TemplateOption = None,
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

    A --suite is measured dataset by dataset; each result is kept in --results, so that the same
    command goes on where it was interrupted. Datasets that cannot be had are named, and the means
    say of how many datasets they are.

    Questions that are conversations are asked whole. --query-forms "last whole rewrite" asks by the
    last utterance, by all turns and by the rewrites of queries.rewrite.jsonl, on the queries that
    have all of these forms, and compares them in the same way.

    Example: echo "q1 0 d1 1" > qrels.txt && echo "q1 Q0 d1 1 9.5 lsr" > run.trec &&
    lsr eval --qrels qrels.txt --run run.trec
    """
    set_quiet(quiet)
    runs = run or []
    options = EncoderOptions(
        model=model,
        max_length=max_length,
        precision=precision,
        method=method,
        query_model=query_model,
        query_weights=query_weights,
        passages=parsed_passages(on_long, stride),
        template=template,
    )
    measuring = Measuring(options, backend, on_long, index, measures, name, threads or 1)
    if suite is not None:
        _refuse_with_suite(
            *(dataset, split, corpus, queries, qrels, index, run, query_forms, name, report)
        )
        _measure_suite(measuring, suite, folder, results, json)
        return
    if folder is not None or results is not None:
        raise typer.BadParameter("--folder and --results go with --suite.")
    if dataset is None and corpus is None and queries is None and qrels is not None:
        _refuse_without_dataset(
            split=split,
            **{key: value for key, value in options.settings().items() if key != "passages"},
            index=index,
            query_forms=query_forms,
            name=name,
            threads=threads,
        )
        score_runs(qrels, runs, measures, report, per_query, json)
        return
    _refuse_outputs(runs, report)
    datasets = loaded_datasets(dataset, split, corpus, queries, qrels)
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


def _refuse_with_suite(*options: object) -> None:
    if any(value is not None for value in options):
        raise typer.BadParameter(
            "with --suite go --folder, --results, --measures and what is said of the encoder; the "
            "suite names its datasets, and systems are called by their options."
        )


def _measure_suite(
    measuring: Measuring, suite: str, folder: Path | None, results: Path | None, json: bool
) -> None:
    from lsr.cli.suite import measure_suite

    system = measuring.system
    if system is None:
        raise typer.BadParameter("name a --model to measure on the suite.")
    if results is None:
        raise typer.BadParameter("name a folder for the --results of the datasets.")
    measure_suite(measuring, system, suite, folder, results, json)


def _refuse_outputs(runs: Sequence[Path], report: Path | None) -> None:
    """Refuse now what could not be written once everything is measured."""
    if report is not None:
        from lsr.eval.output_file import made_folder
        from lsr.eval.report_charts import require_matplotlib

        require_matplotlib()
        made_folder(report, "report")
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
