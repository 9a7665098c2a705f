"""`lsr mine`: hard negatives to learn from, and teachers' scores of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lsr.cli.output import JsonOption, QuietOption, emit, emit_json, set_quiet

if TYPE_CHECKING:
    from lsr.eval.datasets import Dataset
    from lsr.eval.run_file import Run


def mine(
    dataset: Annotated[
        str,
        typer.Option(help="Folder in BEIR's layout, or an ir_datasets id.", metavar="ID_OR_FOLDER"),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File to write, negatives.jsonl.", metavar="FILE")
    ],
    split: Annotated[str, typer.Option(help="Which judgments of the dataset.")] = "train",
    index: Annotated[
        list[str] | None,
        typer.Option(help="Index to search; may be named again for another system.", metavar="DIR"),
    ] = None,
    run: Annotated[
        list[Path] | None, typer.Option(help="Run of another system; may be named again.")
    ] = None,
    ranks: Annotated[tuple[int, int], typer.Option(help="First and last rank that are taken.")] = (
        1,
        200,
    ),
    per_query: Annotated[
        int, typer.Option("--per-query", min=1, help="Negatives of a query, at most.")
    ] = 50,
    teacher: Annotated[
        str | None,
        typer.Option(
            help="Scores positives and negatives: a cross-encoder, a dense or a sparse encoder.",
            metavar="MODEL",
        ),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(help="With --teacher: how far below the positives negatives must score."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
    threads: Annotated[int, typer.Option(min=1, help="Threads of the search.")] = 1,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Mine hard negatives: documents that searches find and that are not relevant.

    They are drawn from some ranks of one or more indexes and runs, and written one query a line
    with the teacher's scores, for the recipes of `lsr train`.

    Example: lsr mine --dataset scifact --index scifact-index --output negatives.jsonl
    """
    set_quiet(quiet)
    if not index and not run:
        raise typer.BadParameter("name an --index to search, or a --run.")
    from lsr.eval.datasets import load_dataset
    from lsr.eval.output_file import replacing
    from lsr.eval.run_file import read_run
    from lsr.training.mining import Mining, encoded_lines
    from lsr.training.mining import mine as mined
    from lsr.training.teachers import load_teacher

    mining = Mining(ranks=ranks, per_query=per_query, margin=margin, seed=seed)
    found = load_dataset(dataset, split)
    judge = None if teacher is None else load_teacher(teacher)
    rankings = [_searched(path, found, ranks[1], threads) for path in index or []]
    rankings += [read_run(path) for path in run or []]
    candidates = mined(found, rankings, mining, judge)
    with replacing(output, "negatives") as file:
        file.write(encoded_lines(candidates))
    n_negatives = sum(len(one.negatives) for one in candidates)
    n_without = sum(not one.negatives for one in candidates)
    if json:
        facts = {"queries": len(candidates), "negatives": n_negatives, "without": n_without}
        emit_json({"output": str(output), **facts})
    else:
        emit(
            f"{n_negatives:,} negatives of {len(candidates):,} queries in {output}; {n_without:,} "
            "queries have none."
        )


def _searched(path: str, dataset: Dataset, k: int, threads: int) -> Run:
    """Return the hits of the dataset's queries in an index."""
    from lsr.retrieval import Index

    index = Index.open(path)
    hits = index.search_batch(list(dataset.queries.questions), k, threads)
    return {
        query_id: [(hit.doc_id, hit.score) for hit in found]
        for query_id, found in zip(dataset.queries.query_ids, hits, strict=True)
    }
