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
    FoldOption,
    MaxLengthOption,
    MethodOption,
    ModelOption,
    PrecisionOption,
    QueryModelOption,
    QueryWeightsOption,
    TemplateOption,
)
from lsr.cli.engine_option import LOCAL, EngineOption
from lsr.cli.evaluation_output import refuse_outputs, write_report, write_runs
from lsr.cli.long_texts import OnLong, OnLongOption, StrideOption, parsed_passages
from lsr.cli.measuring import Baseline, Measuring, loaded_datasets
from lsr.cli.output import JsonOption, QuietOption, set_quiet
from lsr.cli.run_scoring import score_runs
from lsr.cli.search_settings import AlphaOption, HybridOption, parsed_alpha

if TYPE_CHECKING:
    from lsr.eval.datasets import Dataset


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
        typer.Option(
            help="Without --dataset: measure on a suite of them: beir-13, cqadupstack, nano-beir."
        ),
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
    fold: FoldOption = None,
    template: TemplateOption = None,
    backend: BackendOption = "auto",
    on_long: OnLongOption = OnLong.TRUNCATE,
    stride: StrideOption = None,
    index: Annotated[
        str | None,
        typer.Option(
            metavar="DIR|URL",
            help="Index of the corpus: used if it exists, else made and kept, but for a URL.",
        ),
    ] = None,
    run: Annotated[
        list[Path] | None,
        typer.Option(help="A run to score; with a dataset, the run to write, one a system."),
    ] = None,
    baseline: Annotated[
        Baseline | None,
        typer.Option(help="Measure this too, or alone where no model is named, and compare."),
    ] = None,
    hybrid: HybridOption = False,
    alpha: AlphaOption = None,
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
    engine: EngineOption = LOCAL,
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

    --baseline bm25 measures BM25 as well. --hybrid measures the sparse half of a model such as
    PromptReps, the dense one and both together. All systems are compared with the first.

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
        fold=fold,
        passages=parsed_passages(on_long, stride),
        template=template,
    )
    measuring = Measuring(
        *(options, backend, on_long, index, measures, name, threads or 1),
        *(baseline, parsed_alpha(hybrid, alpha), engine),
    )
    if suite is not None:
        _refuse_with_suite(
            *(dataset, split, corpus, queries, qrels, index, run, query_forms, name, alpha)
        )
        _measure_suite(measuring, suite, folder, results, report, json)
        return
    if folder is not None or results is not None:
        raise typer.BadParameter("--folder and --results go with --suite.")
    if dataset is None and corpus is None and queries is None and qrels is not None:
        _refuse_without_dataset(
            split=split,
            **{key: value for key, value in options.settings().items() if key != "passages"},
            index=index,
            baseline=baseline,
            hybrid=hybrid or None,
            query_forms=query_forms,
            name=name,
            threads=threads,
            engine=None if engine == LOCAL else engine,
        )
        score_runs(qrels, runs, measures, report, per_query, json)
        return
    measuring.refuse_contradictions()
    if baseline is not None and corpus == "-":
        raise typer.BadParameter(
            "with --baseline the corpus is read more than once, and standard input cannot be; name "
            "a file."
        )
    refuse_outputs(runs, report)
    datasets = loaded_datasets(dataset, split, corpus, queries, qrels)
    if query_forms is not None:
        _measure_forms(measuring, datasets, query_forms, runs, report, per_query, json)
        return
    if runs and len(datasets) > 1:
        raise typer.BadParameter("one split is written to runs, so with --run name one --split.")
    if runs and len(runs) != measuring.n_systems:
        raise typer.BadParameter(
            f"each system is written to a run of its own: here, name {measuring.n_systems} --run, "
            f"not {len(runs)}."
        )
    from lsr.cli.side_by_side import print_experiments

    experiments = measuring.measured(datasets)
    write_runs(runs, experiments[0])
    if report is not None:
        for several in experiments:
            write_report(report if len(datasets) == 1 else report / several[0].judged_by, several)
    print_experiments(experiments, per_query, json)


def _refuse_without_dataset(**options: object) -> None:
    for name, value in options.items():
        if value is not None:
            raise typer.BadParameter(
                f"--{name.replace('_', '-')} goes with --dataset; runs after --qrels exist already."
            )


def _refuse_with_suite(*options: object) -> None:
    if any(value is not None for value in options):
        raise typer.BadParameter(
            "with --suite go --folder, --results, --measures, --report and what is said of the "
            "encoder; the suite names its datasets, and systems are called by their options."
        )


def _measure_suite(
    measuring: Measuring,
    suite: str,
    folder: Path | None,
    results: Path | None,
    report: Path | None,
    json: bool,
) -> None:
    from lsr.cli.suite import measure_suite

    system = measuring.system
    if system is None:
        raise typer.BadParameter("name a --model to measure on the suite, or a --baseline.")
    if measuring.n_systems > 1:
        raise typer.BadParameter(
            "a suite is measured by one system at a time; measure the --baseline by a command "
            "without a model, with --results of its own."
        )
    if results is None:
        raise typer.BadParameter("name a folder for the --results of the datasets.")
    refuse_outputs([], report)
    measure_suite(measuring, system, suite, folder, results, report, json)


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
    from lsr.cli.evaluation_report import note_forms, print_experiment
    from lsr.cli.side_by_side import print_forms
    from lsr.eval.query_forms import in_forms, parse_query_forms

    if len(datasets) > 1:
        raise typer.BadParameter("with --query-forms name one --split.")
    if measuring.n_systems > 1:
        raise typer.BadParameter(
            "--query-forms compares forms of a question for one system, so leave out --baseline "
            "and --hybrid, or the model."
        )
    formed = in_forms(datasets[0], parse_query_forms(query_forms))
    if runs and len(formed.datasets) != len(runs):
        raise typer.BadParameter(
            f"each form is written to a run of its own: here, name {len(formed.datasets)} --run, "
            f"not {len(runs)}."
        )
    experiments = [one for (one,) in measuring.measured(list(formed.datasets.values()))]
    write_runs(runs, experiments)
    if report is not None:
        named = zip(formed.datasets, experiments, strict=True)
        write_report(report, [replace(one, system=f"{one.system}, {form}") for form, one in named])
    note_forms(formed)
    if len(experiments) > 1:
        print_forms(formed, experiments, per_query, json)
    else:
        print_experiment(experiments[0], per_query, json)
