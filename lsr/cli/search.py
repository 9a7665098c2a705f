"""`lsr search`: one query to ranked hits, or a file of queries to a TREC run."""

from __future__ import annotations

import gc
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lsr.cli.encoder_options import BackendOption, ModelOption
from lsr.cli.engine_option import (
    LOCAL,
    EngineOption,
    OnShardFailureOption,
    ShardTimeoutOption,
    searching_engine,
)
from lsr.cli.output import (
    JsonOption,
    PublishedIndexOption,
    QuietOption,
    ThreadsOption,
    emit,
    emit_json,
    note,
    set_quiet,
    stdout,
)
from lsr.cli.query_file import answer_file
from lsr.cli.question import (
    ConversationOption,
    VectorOption,
    parsed_question,
    question_as_json,
    question_in_words,
)
from lsr.cli.remote_search import answer_by_service
from lsr.cli.search_settings import (
    AlphaOption,
    BoundFactorOption,
    FilterOption,
    HybridOption,
    MaxRangesOption,
    Overlap,
    PruneOption,
    SearchSettings,
    label,
    parsed_alpha,
    parsed_approximation,
)

if TYPE_CHECKING:
    from lsr.conversations import Question
    from lsr.index import Approximation
    from lsr.retrieval import Hit, HybridQueries, Index
    from lsr.sparse import SparseBatch


def search(
    query: Annotated[
        str | None, typer.Argument(metavar="QUERY", help="The question, as text.")
    ] = None,
    index: PublishedIndexOption = "",
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Address of an index of a service, http://HOST:PORT/v1/indexes/NAME, in place of "
            "--index; its key is taken from LSR_API_KEY.",
        ),
    ] = None,
    k: Annotated[int | None, typer.Option("-k", "--hits", min=1, help="Hits a query.")] = None,
    conversation: ConversationOption = None,
    vector: VectorOption = None,
    queries: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Many questions: BEIR lines, TSV of id and text, conversations or vectors.",
        ),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.trec",
            help="With --queries: the run to write (.gz too); .tsv: MS MARCO's form.",
        ),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what each term adds to the scores.")
    ] = False,
    where: FilterOption = None,
    hybrid: HybridOption = False,
    alpha: AlphaOption = None,
    prune: PruneOption = None,
    bound_factor: BoundFactorOption = 1.0,
    max_ranges: MaxRangesOption = None,
    model: ModelOption = None,
    backend: BackendOption = "auto",
    threads: ThreadsOption = 1,
    engine: EngineOption = LOCAL,
    on_shard_failure: OnShardFailureOption = "fail",
    shard_timeout: ShardTimeoutOption = 10.0,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Search an index. It remembers its model, so queries need none.

    With --queries, every query's hits (1000 unless -k says otherwise) go to the run.

    The answer is exact unless --prune, --bound-factor or --max-ranges give up some of it for
    speed; what that misses is measured (on 100 of the queries at most) and printed.

    --hybrid is for indexes of a model that gives texts a dense half, such as PromptReps.

    Example: printf '{"id": "1", "vector": {"cat": 2, "milk": 1}}' | lsr index - --index pets
    --force && lsr search --vector '{"cat": 1, "milk": 0.2}' --prune top_k:1 --index pets
    """
    set_quiet(quiet)
    if queries is None:
        # The process ends with its one answer. Walking again and again over what the libraries
        # have just made, for garbage that there is not, would take a sixth of the time.
        gc.disable()
    if bool(index) == bool(url):
        raise typer.BadParameter("Give one of --index and --url.")
    if sum(given is not None for given in (query, conversation, vector, queries)) != 1:
        raise typer.BadParameter(
            "Give one of: a QUERY, --conversation, --vector, or --queries with --run."
        )
    if (queries is None) != (run is None):
        raise typer.BadParameter("--queries and --run go together.")
    if run is not None and not run.absolute().parent.is_dir():
        raise typer.BadParameter(f"There is no folder {run.parent} to write --run to.")
    share = parsed_alpha(hybrid, alpha)
    if url is not None:
        if queries is not None or model is not None:
            raise typer.BadParameter("--queries and --model go with --index, not with --url.")
        factor = None if bound_factor == 1 else bound_factor
        given_up = {"prune": prune, "bound_factor": factor, "max_ranges": max_ranges}
        answer_by_service(
            url,
            parsed_question(query, conversation, vector),
            k or 10,
            where=where,
            alpha=share,
            approximation={name: value for name, value in given_up.items() if value is not None},
            explain=explain,
            json=json,
        )
        return
    approximation = parsed_approximation(prune, bound_factor, max_ranges)
    with searching_engine(engine, on_shard_failure, shard_timeout) as placed:
        opened = placed(_open(index, model, backend))
        opened.refuse_approximation(approximation)
        if hybrid:
            opened.refuse_hybrid()
        settings = SearchSettings(
            k or (10 if queries is None else 1000),
            threads,
            None if where is None else opened.parse_filter(where),
            approximation,
            once=queries is None,
            alpha=share,
        )
        if queries is not None and run is not None:
            answer_file(opened, queries, run, settings, json)
            return
        question = parsed_question(query, conversation, vector)
        _answer(opened, question, settings, explain, json)


def _open(index: str, model: str | None, backend_name: str) -> Index:
    from lsr.encoders import Backend, load_encoder
    from lsr.retrieval import Index

    backend = Backend.parse(backend_name)
    encoder = load_encoder(model, backend=backend) if model else None
    return Index.open(index, encoder=encoder, backend=backend)


def _answer(
    index: Index,
    question: Question | dict[str, float],
    settings: SearchSettings,
    explain: bool,
    json: bool,
) -> None:
    approximation = settings.approximation
    started = time.perf_counter()
    vector: SparseBatch | HybridQueries
    if settings.alpha is None:
        vector = index.vector_of(question)
    else:
        vector = index.hybrid_queries([question], settings.alpha)
    (hits,) = index.hits(settings.rank(index, vector))
    elapsed_ms = (time.perf_counter() - started) * 1000
    overlaps = [] if approximation.is_exact else settings.overlaps(index, vector)
    if json:
        results = [_as_json(index, question, hit, explain, approximation) for hit in hits]
        emit_json(
            {
                "query": question_as_json(question),
                **settings.as_dict(overlaps),
                "elapsed_ms": round(elapsed_ms, 3),
                "hits": results,
            }
        )
        return
    from lsr.cli.rendering import render_hits
    from lsr.hit_views import hit_views

    views = hit_views(index, question, hits, detailed=explain, approximation=approximation)
    render_hits(question_in_words(question), views, stdout)
    for overlap in overlaps:
        emit(f"\n{label(approximation)}: {_in_words(overlap)}.")
    if not hits and not any(overlap.n_exact for overlap in overlaps):
        _note_nothing_found(settings)


def _in_words(overlap: Overlap) -> str:
    if overlap.n_exact == 0:
        return "exact search finds nothing either"
    return f"{overlap.n_found} of the exact top {overlap.n_exact} found"


def _note_nothing_found(settings: SearchSettings) -> None:
    if settings.where is None:
        note("No document shares a term with the query.")
    else:
        note(
            "No document that the filter lets through shares a term with the query; the filter "
            "may be the reason."
        )


def _as_json(
    index: Index,
    question: Question | dict[str, float],
    hit: Hit,
    explained: bool,
    approximation: Approximation,
) -> dict[str, Any]:
    result = {
        "rank": hit.rank,
        "id": hit.doc_id,
        "score": hit.score,
        "document": hit.document.as_dict(),
    }
    if explained:
        shares = index.explain(question, hit.doc_id, approximation=approximation).terms
        result["terms"] = [share for share in shares if share.product > 0]
        if hit.halves:
            result["halves"] = hit.halves
    return result
