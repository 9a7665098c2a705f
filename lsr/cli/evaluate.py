"""`lsr eval`: measure a model on a dataset, or score runs that exist."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lsr.cli.encoder_options import EncoderOptions, MaxLengthOption, MethodOption, ModelOption
from lsr.cli.output import (
    Bar,
    JsonOption,
    QuietOption,
    note,
    set_quiet,
)

if TYPE_CHECKING:
    from lsr.eval.datasets import Dataset
    from lsr.eval.experiment import Experiment


def evaluate(
    dataset: Annotated[
        str | None,
        typer.Option(help="Folder in BEIR's layout, or an ir_datasets id.", metavar="ID_OR_FOLDER"),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Which judgments of the dataset.  [default: test]")
    ] = None,
    model: ModelOption = None,
    index: Annotated[
        Path | None,
        typer.Option(help="Index of the corpus: used if it exists, else made and kept."),
    ] = None,
    qrels: Annotated[
        Path | None, typer.Option(help="Judgments that score the runs: BEIR's TSV or TREC.")
    ] = None,
    run: Annotated[
        list[Path] | None,
        typer.Option(help="With --dataset: the run to write. With --qrels: a run to score."),
    ] = None,
    query_forms: Annotated[
        str | None,
        typer.Option(
            help="How the questions of conversations are put: one or more of last, whole, rewrite.",
            metavar="FORMS",
        ),
    ] = None,
    measures: Annotated[
        str, typer.Option(help="Measures by their names in ir_measures.")
    ] = "nDCG@10 R@100 RR@10",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of the search.  [default: 1]")
    ] = None,
    max_length: MaxLengthOption = None,
    method: MethodOption = None,
    per_query: Annotated[
        bool, typer.Option("--per-query", help="Print the values of single queries as well.")
    ] = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Measure a model on a dataset (--dataset), or score runs that exist (--qrels).

    With --dataset, the corpus is indexed, every query that has judgments is searched to depth
    1000, and the cost of rounding weights to 8 bits is printed beside the measures. With several
    runs after --qrels, each is compared with the first by paired t-tests and randomization tests,
    corrected after Holm, and the queries that moved most are named. Runs are TREC's, or MS MARCO's
    where they are named .tsv.

    Questions that are conversations are asked whole. --query-forms "last whole rewrite" asks by the
    last utterance, by all turns and by the rewrites of queries.rewrite.jsonl, on the queries that
    have all of these forms, and compares them in the same way.

    Example: echo "q1 0 d1 1" > qrels.txt && echo "q1 Q0 d1 1 9.5 lsr" > run.trec &&
    lsr eval --qrels qrels.txt --run run.trec
    """
    from lsr.cli.evaluation_report import note_forms, print_experiment, print_forms
    from lsr.eval.datasets import load_dataset
    from lsr.eval.measures import parse_measures
    from lsr.eval.query_forms import in_forms, parse_query_forms

    set_quiet(quiet)
    runs = run or []
    if qrels is not None and dataset is None:
        _refuse_without_dataset(
            split=split,
            model=model,
            index=index,
            query_forms=query_forms,
            threads=threads,
            max_length=max_length,
            method=method,
        )
        _score_runs(qrels, runs, measures, per_query, json)
    elif dataset is not None and qrels is None:
        _refuse_outputs(runs)
        parsed = parse_measures(measures)
        loaded = load_dataset(dataset, split or "test")
        formed = None if query_forms is None else in_forms(loaded, parse_query_forms(query_forms))
        asked = [loaded] if formed is None else list(formed.datasets.values())
        if runs and len(asked) > 1:
            raise typer.BadParameter("one run is written, so with --run name one of --query-forms.")
        with _index_folder(index) as folder:
            options = EncoderOptions(model, max_length, method=method)
            experiments = _measure_model(asked, folder, options, parsed, threads or 1)
        for output in runs:
            _write_run(output, experiments[0])
        if formed is not None:
            note_forms(formed)
        if formed is None or len(asked) == 1:
            print_experiment(experiments[0], per_query, json)
        else:
            print_forms(formed, experiments, per_query, json)
    else:
        raise typer.BadParameter(
            "name either --dataset, to measure a model, or --qrels with --run, to score runs."
        )


def _refuse_without_dataset(**options: object) -> None:
    for name, value in options.items():
        if value is not None:
            raise typer.BadParameter(
                f"--{name.replace('_', '-')} goes with --dataset; runs after --qrels exist already."
            )


def _refuse_outputs(runs: Sequence[Path]) -> None:
    """Refuse now what could not be written once everything is measured."""
    if len(runs) > 1:
        raise typer.BadParameter("with --dataset one run is written, so name --run once.")
    for output in runs:
        if not output.absolute().parent.is_dir():
            raise typer.BadParameter(f"there is no folder {output.parent} to write --run to.")


@contextmanager
def _index_folder(index: Path | None) -> Iterator[Path]:
    """Yield where the index is or will be: a folder that is removed after use if none is named."""
    if index is not None:
        yield index
        return
    with tempfile.TemporaryDirectory(prefix="lsr-eval-") as folder:
        yield Path(folder) / "index"


def _measure_model(
    datasets: Sequence[Dataset],
    folder: Path,
    options: EncoderOptions,
    measures: list[Any],
    threads: int,
) -> list[Experiment]:
    """Run one experiment a dataset on one index; they differ in their queries only."""
    from lsr.cli.progress import progress_bar
    from lsr.corpus import corpus_size
    from lsr.eval.experiment import existing_index, run_experiment

    existing = existing_index(folder)
    if existing is not None:
        note(
            f"The index at {folder} is used as it is. It holds rounded weights only: to see what "
            "the rounding costs, name an --index that does not exist yet, or none."
        )
    if existing is not None and existing.has_encoder:
        existing.refuse_other_encoder(options.settings())
        return [run_experiment(one, folder, None, measures, threads=threads) for one in datasets]
    if options.model is None and existing is None:
        raise typer.BadParameter("name a --model to index the corpus with, or an --index of it.")
    encoder = options.load("auto") if options.model is not None else None
    with progress_bar("documents", corpus_size(datasets[0].corpus)) as bar:
        listener = _Listener(bar)
        experiments = [
            run_experiment(one, folder, encoder, measures, threads=threads, listener=listener)
            for one in datasets
        ]
    if listener.n_truncated:
        note(f"{listener.n_truncated:,} documents were cut at the model's maximum length.")
    return experiments


def _write_run(output: Path, experiment: Experiment) -> None:
    from lsr.eval.run_file import write_run

    write_run(output, experiment.run)
    note(f"The run was written to {output}.")


def _score_runs(
    qrels_path: Path, run_paths: Sequence[Path], measures: str, per_query: bool, json: bool
) -> None:
    from lsr.cli.evaluation_report import print_runs
    from lsr.eval import measures as measuring
    from lsr.eval.qrels import read_qrels
    from lsr.eval.run_file import read_run

    if not run_paths:
        raise typer.BadParameter("name at least one --run to score with --qrels.")
    if len(set(run_paths)) < len(run_paths):
        raise typer.BadParameter("a --run is named twice; name each once.")
    parsed = measuring.parse_measures(measures)
    qrels = read_qrels(qrels_path)
    paths = _named(run_paths)
    evaluations = {
        name: measuring.evaluate(qrels, read_run(path), parsed) for name, path in paths.items()
    }
    print_runs(qrels_path, paths, evaluations, per_query, json)


def _named(paths: Sequence[Path]) -> dict[str, Path]:
    """Name runs by their files, or by their whole paths where two files have the same name."""
    by_name = {path.name: path for path in paths}
    return by_name if len(by_name) == len(paths) else {str(path): path for path in paths}


class _Listener:
    """Moves the progress bar and counts documents that were cut."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self.n_truncated = 0

    def encoded(self, n_texts: int, n_tokens: int) -> None:
        self._bar.advance(n_texts)

    def truncated(self, row: int) -> None:
        self.n_truncated += 1
