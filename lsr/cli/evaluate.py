"""`lsr eval`: measure a model on a dataset, or score runs that exist."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lsr.cli.encoder_options import EncoderOptions, MaxLengthOption, ModelOption
from lsr.cli.output import (
    Bar,
    JsonOption,
    QuietOption,
    emit,
    emit_json,
    note,
    progress_bar,
    set_quiet,
)

if TYPE_CHECKING:
    from lsr.encoders import Encoder
    from lsr.eval.experiment import Experiment
    from lsr.eval.measures import Evaluation
    from lsr.eval.significance import Comparison


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
    measures: Annotated[
        str, typer.Option(help="Measures by their names in ir_measures.")
    ] = "nDCG@10 R@100 RR@10",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of the search.  [default: 1]")
    ] = None,
    max_length: MaxLengthOption = None,
    per_query: Annotated[
        bool, typer.Option("--per-query", help="Print the values of single queries as well.")
    ] = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Measure a model on a dataset (--dataset), or score runs that exist (--qrels).

    With --dataset, the corpus is indexed, every query that has judgments is searched to depth
    1000, and the cost of rounding weights to 8 bits is printed beside the measures. With several
    runs after --qrels, each is compared with the first by paired t-tests, corrected after Holm.

    Example: echo "q1 0 d1 1" > qrels.txt && echo "q1 Q0 d1 1 9.5 lsr" > run.trec &&
    lsr eval --qrels qrels.txt --run run.trec
    """
    set_quiet(quiet)
    runs = run or []
    if qrels is not None and dataset is None:
        _refuse_without_dataset(
            split=split, model=model, index=index, threads=threads, max_length=max_length
        )
        _score_runs(qrels, runs, measures, per_query, json)
    elif dataset is not None and qrels is None:
        _refuse_outputs(runs)
        with _index_folder(index) as folder:
            experiment = _measure_model(
                dataset, split or "test", folder, model, max_length, measures, threads or 1
            )
        for output in runs:
            _write_run(output, experiment)
        _print_experiment(experiment, per_query, json)
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
    dataset_name: str,
    split: str,
    folder: Path,
    model: str | None,
    max_length: int | None,
    measures: str,
    threads: int,
) -> Experiment:
    from lsr.corpus import corpus_size
    from lsr.eval.datasets import load_dataset
    from lsr.eval.experiment import existing_index, run_experiment
    from lsr.eval.measures import parse_measures

    parsed = parse_measures(measures)
    dataset = load_dataset(dataset_name, split)
    existing = existing_index(folder)
    if existing is not None:
        note(
            f"The index at {folder} is used as it is. It holds rounded weights only: to see what "
            "the rounding costs, name an --index that does not exist yet, or none."
        )
    if existing is not None and existing.has_encoder:
        existing.refuse_other_encoder(EncoderOptions(model, max_length).settings())
        return run_experiment(dataset, folder, None, parsed, threads=threads)
    if model is None and existing is None:
        raise typer.BadParameter("name a --model to index the corpus with, or an --index of it.")
    encoder = _encoder(model, max_length) if model is not None else None
    with progress_bar("documents", corpus_size(dataset.corpus)) as bar:
        listener = _Listener(bar)
        experiment = run_experiment(
            dataset, folder, encoder, parsed, threads=threads, listener=listener
        )
    if listener.n_truncated:
        note(f"{listener.n_truncated:,} documents were cut at the model's maximum length.")
    return experiment


def _encoder(model: str, max_length: int | None) -> Encoder:
    from lsr.encoders import load_encoder

    return load_encoder(model) if max_length is None else load_encoder(model, max_length=max_length)


def _write_run(output: Path, experiment: Experiment) -> None:
    from lsr.eval.run_file import write_run

    write_run(output, experiment.run)
    note(f"The run was written to {output}.")


def _score_runs(
    qrels_path: Path, run_paths: Sequence[Path], measures: str, per_query: bool, json: bool
) -> None:
    from lsr.eval import measures as measuring
    from lsr.eval.qrels import read_qrels
    from lsr.eval.run_file import read_run
    from lsr.eval.significance import compare

    if not run_paths:
        raise typer.BadParameter("name at least one --run to score with --qrels.")
    if len(set(run_paths)) < len(run_paths):
        raise typer.BadParameter("a --run is named twice; name each once.")
    parsed = measuring.parse_measures(measures)
    qrels = read_qrels(qrels_path)
    evaluations = {
        str(path): measuring.evaluate(qrels, read_run(path), parsed) for path in run_paths
    }
    comparisons = compare(evaluations)
    if json:
        emit_json(
            {
                "qrels": str(qrels_path),
                "runs": [
                    {"run": name, **_as_dict(evaluation, per_query)}
                    for name, evaluation in evaluations.items()
                ],
                "comparisons": [asdict(comparison) for comparison in comparisons],
            }
        )
        return
    if len(evaluations) > 1:
        emit("\t".join(["measure", *evaluations]))
    _emit_values(list(evaluations.values()), per_query)
    _emit_comparisons(comparisons)
    for name, evaluation in evaluations.items():
        _note_missing(evaluation, name)


def _print_experiment(experiment: Experiment, per_query: bool, json: bool) -> None:
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
        _emit_per_query([experiment.index])
    _note_missing(experiment.index, experiment.dataset)
    note(
        f"{experiment.n_docs:,} documents of {experiment.terms_per_document:.1f} terms, "
        f"{experiment.n_queries:,} queries of {experiment.terms_per_query:.1f}; "
        f"index of {experiment.index_bytes:,} bytes."
    )
    times = (
        f"encoding {experiment.query_encoding_ms:.2f} ms a query, "
        f"search {experiment.search_ms:.2f} ms a query "
        f"(k {experiment.k}, threads {experiment.threads})"
    )
    if experiment.indexing_s is not None:
        times = f"indexing {experiment.indexing_s:.1f} s, {times}"
    note(f"Times: {times}.")


def _emit_values(evaluations: Sequence[Evaluation], per_query: bool) -> None:
    for measure in evaluations[0].means:
        values = [f"{evaluation.means[measure]:.4f}" for evaluation in evaluations]
        emit("\t".join([measure, *values]))
    if per_query:
        _emit_per_query(evaluations)


def _emit_per_query(evaluations: Sequence[Evaluation]) -> None:
    for measure, values in evaluations[0].per_query.items():
        for query_id in values:
            row = [f"{evaluation.per_query[measure][query_id]:.4f}" for evaluation in evaluations]
            emit("\t".join([measure, query_id, *row]))


def _emit_comparisons(comparisons: Sequence[Comparison]) -> None:
    if comparisons:
        emit(f"\nagainst {comparisons[0].baseline}, paired t-test:")
        emit("measure\trun\tdifference\tp\tp (Holm)\twins\tties\tlosses")
    for one in comparisons:
        p_values = ["-" if value is None else f"{value:.4f}" for value in (one.p_value, one.p_holm)]
        counts = [str(count) for count in (one.wins, one.ties, one.losses)]
        emit("\t".join([one.measure, one.run, f"{one.difference:+.4f}", *p_values, *counts]))


def _as_dict(evaluation: Evaluation, per_query: bool) -> dict[str, Any]:
    values = {"per_query": evaluation.per_query} if per_query else {}
    return {
        "measures": evaluation.means,
        "n_queries": evaluation.n_queries,
        "n_queries_without_hits": evaluation.n_without_hits,
        **values,
    }


def _note_missing(evaluation: Evaluation, name: str) -> None:
    if evaluation.n_without_hits:
        note(
            f"{name}: {evaluation.n_without_hits} of {evaluation.n_queries} queries have judgments "
            "but no hits; they count as 0."
        )


class _Listener:
    """Moves the progress bar and counts documents that were cut."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self.n_truncated = 0

    def encoded(self, n_texts: int, n_tokens: int) -> None:
        self._bar.advance(n_texts)

    def truncated(self, row: int) -> None:
        self.n_truncated += 1
