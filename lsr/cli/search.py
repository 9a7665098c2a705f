"""`lsr search`: one query to ranked hits, or a file of queries to a TREC run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lsr.cli.output import (
    IndexOption,
    JsonOption,
    ModelOption,
    QuietOption,
    ThreadsOption,
    emit,
    emit_json,
    note,
    set_quiet,
    stdout,
)

if TYPE_CHECKING:
    from lsr.retrieval import Index


def search(
    query: Annotated[
        str | None, typer.Argument(metavar="QUERY", help="The question, as text.")
    ] = None,
    index: IndexOption = "",
    k: Annotated[int | None, typer.Option("-k", "--hits", min=1, help="Hits a query.")] = None,
    vector: Annotated[
        str | None,
        typer.Option(metavar="JSON", help='The question as a vector: {"term": weight, ...}.'),
    ] = None,
    queries: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Many questions: BEIR lines, TSV of id and text, or vectors."
        ),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(metavar="OUT.trec", help="With --queries: the run to write (.gz too)."),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what each term adds to the scores.")
    ] = False,
    model: ModelOption = None,
    threads: ThreadsOption = 1,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Search an index. It remembers its model, so queries need none.

    With --queries, every query's hits (1000 unless -k says otherwise) go to the run.

    Example: lsr search "how do I sort a list" --index demo-index
    """
    set_quiet(quiet)
    if not index:
        raise typer.BadParameter("Missing option '--index'.")
    if sum(given is not None for given in (query, vector, queries)) != 1:
        raise typer.BadParameter("Give one of: a QUERY, --vector, or --queries with --run.")
    if (queries is None) != (run is None):
        raise typer.BadParameter("--queries and --run go together.")
    if queries is not None and run is not None:
        if not run.absolute().parent.is_dir():
            raise typer.BadParameter(f"There is no folder {run.parent} to write --run to.")
        _write_run(_open(index, model), queries, run, k or 1000, threads, json)
        return
    opened = _open(index, model)
    started = time.perf_counter()
    question: Any = query if query is not None else _parsed_vector(str(vector))
    hits = opened.search(question, k or 10)
    elapsed_ms = (time.perf_counter() - started) * 1000
    if json:
        emit_json(_as_json(opened, question, hits, explain, elapsed_ms))
        return
    from lsr.cli.rendering import hit_views, render_hits

    text = query or ", ".join(question)
    render_hits(text, hit_views(opened, question, hits, detailed=explain), stdout)
    if not hits:
        note("No document shares a term with the query.")


def _open(index: str, model: str | None) -> Index:
    from lsr.encoders import load_encoder
    from lsr.retrieval import Index

    return Index.open(index, encoder=load_encoder(model) if model else None)


def _parsed_vector(vector: str) -> dict[str, float]:
    import msgspec

    try:
        return msgspec.json.decode(vector, type=dict[str, float])
    except msgspec.MsgspecError as error:
        raise typer.BadParameter(f"--vector is not a JSON object of weights: {error}") from None


def _write_run(index: Index, queries: str, run: Path, k: int, threads: int, json: bool) -> None:
    from lsr.corpus import read_queries
    from lsr.eval.run_file import write_run

    batch = read_queries(queries)
    started = time.perf_counter()
    vectors = index.vectors_of(batch)
    encoded = time.perf_counter()
    rankings = index.searcher.search_batch(vectors, k, threads)
    searched = time.perf_counter()
    n_empty = int((vectors.active_dims == 0).sum())
    if n_empty:
        note(f"warning: {n_empty:,} queries share no term with the index and have no hits.")
    write_run(
        run,
        {
            query_id: index.searcher.named_hits(rankings, number)
            for number, query_id in enumerate(batch.query_ids)
        },
    )
    n_queries = len(batch.query_ids)
    if json:
        seconds = {"encoding_s": encoded - started, "search_s": searched - encoded}
        emit_json({"queries": n_queries, "without_hits": n_empty, "run": str(run), **seconds})
        return
    emit(
        f"{n_queries:,} queries to {run}: encoded in {encoded - started:.2f} s, "
        f"searched in {searched - encoded:.2f} s "
        f"({(searched - encoded) / max(1, n_queries) * 1000:.2f} ms a query)."
    )


def _as_json(
    index: Index, question: Any, hits: list[Any], explained: bool, elapsed_ms: float
) -> dict[str, Any]:
    results = []
    for hit in hits:
        result = {
            "rank": hit.rank,
            "id": hit.doc_id,
            "score": hit.score,
            "document": hit.document.as_dict(),
        }
        if explained:
            shares = index.explain(question, hit.doc_id).terms
            result["terms"] = [share for share in shares if share.product > 0]
        results.append(result)
    return {"query": question, "elapsed_ms": round(elapsed_ms, 3), "hits": results}
