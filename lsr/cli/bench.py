"""`lsr bench`: how fast is it here, beside its peers?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Annotated

import typer

from lsr.cli.output import (
    JsonOption,
    MaxLengthOption,
    QuietOption,
    add_command,
    emit,
    emit_json,
    note,
    set_quiet,
)

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def bench() -> None:
    """Measure speed on this machine, side by side with peers.

    Example: lsr bench encode --n-docs 100 --runs 1
    """


def encode(
    corpus: Annotated[
        str, typer.Argument(help="Texts to encode; without it, docstrings of packages here.")
    ] = "",
    model: Annotated[
        str, typer.Option(help="Hub id, folder, or short name such as splade-tiny.")
    ] = "splade-tiny",
    n_docs: Annotated[
        int, typer.Option(min=1, help="Texts, from the beginning of the corpus.")
    ] = 200,
    runs: Annotated[int, typer.Option(min=1, help="Timed runs of each contestant.")] = 3,
    peers: Annotated[
        str, typer.Option(help="Whom to compare with: all, none, or names, comma-separated.")
    ] = "all",
    max_length: MaxLengthOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Time the encoding of texts by lsr and by sentence-transformers with the same model.

    Prints documents and tokens a second, the largest difference of a weight, and what is needed to
    repeat the measurement.

    Example: lsr bench encode --n-docs 100 --runs 1
    """
    from lsr.eval.bench.encode import PEERS, bench_encode

    set_quiet(quiet)
    named = {"all": PEERS, "none": ()}.get(peers, tuple(peers.split(",")))
    texts = list(islice(_texts(corpus), n_docs))
    note(f"Encoding {len(texts):,} texts {runs + 1} times with each contestant ...")
    result = bench_encode(model, texts, peers=named, runs=runs, max_length=max_length or 256)
    if json:
        emit_json(result.as_json())
    else:
        emit(result.as_table())


def search(
    vectors: Annotated[str, typer.Argument(help="Documents as vectors, in any form lsr reads.")],
    queries: Annotated[str, typer.Argument(help="Queries as vectors, with the same terms.")],
    peers: Annotated[
        str, typer.Option(help="Whom to compare with: all, none, or names, comma-separated.")
    ] = "all",
    k: Annotated[int, typer.Option("-k", "--hits", min=1, help="Hits a query.")] = 10,
    n_docs: Annotated[
        int | None, typer.Option(min=1, help="Documents, from the beginning; all if unset.")
    ] = None,
    n_queries: Annotated[int, typer.Option(min=1, help="Queries, from the beginning.")] = 300,
    runs: Annotated[int, typer.Option(min=1, help="Timed runs of each engine.")] = 3,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Time queries of lsr and of other engines on the same vectors, on one core.

    Prints milliseconds a query, build time, size, and how many answers differ from brute force.

    Example: printf '{"id":"a","vector":{"sea":2}}' > v.jsonl && lsr bench search v.jsonl v.jsonl
    --peers none
    """
    from lsr.eval.bench.search import bench_search, read_vectors
    from lsr.eval.bench.search_engines import PEERS

    set_quiet(quiet)
    named = {"all": tuple(PEERS), "none": ()}.get(peers, tuple(peers.split(",")))
    documents, asked = read_vectors(vectors, queries, n_docs=n_docs, n_queries=n_queries)
    note(
        f"Indexing {len(documents):,} vectors and answering {len(asked):,} queries "
        f"{runs + 1} times with each engine ..."
    )
    result = bench_search(documents, asked, peers=named, k=k, runs=runs)
    if json:
        emit_json(result.as_json())
    else:
        emit(result.as_table())


def _texts(corpus: str) -> Iterator[str]:
    """Yield what an encoder sees of each document that has a text."""
    if corpus:
        from lsr.corpus import read_documents

        documents = (one for batch in read_documents(corpus) for one in batch.documents)
    else:
        from lsr.demo.docstrings import docstring_documents

        documents = (one for one in docstring_documents())
    return (one.full_text for one in documents if one.full_text.strip())


add_command(app, encode)
add_command(app, search)
