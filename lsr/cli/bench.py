"""`lsr bench`: how fast is it here, beside its peers?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Protocol

import msgspec
import typer

from lsr.cli.output import (
    JsonOption,
    QuietOption,
    add_command,
    emit,
    emit_json,
    note,
    set_quiet,
)
from lsr.cli.search_settings import FilterOption
from lsr.errors import InvalidInputError

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

VectorsArgument = Annotated[
    str, typer.Argument(help="Documents as vectors, in any form lsr reads.")
]
QueriesArgument = Annotated[str, typer.Argument(help="Queries as vectors, with the same terms.")]
PeersOption = Annotated[
    str, typer.Option(help="Whom to compare with: all, none, or names, comma-separated.")
]
HitsOption = Annotated[int, typer.Option("-k", "--hits", min=1, help="Hits a query.")]
QueryCountOption = Annotated[int, typer.Option(min=1, help="Queries, from the beginning.")]
RunsOption = Annotated[int, typer.Option(min=1, help="Timed runs of each contestant.")]
OrderOption = Annotated[str, typer.Option(help="Order of the documents, the same for all engines.")]


@app.callback()
def bench() -> None:
    """Measure speed on this machine, side by side with peers.

    Example: lsr bench encode --model splade-tiny --n-docs 16 --runs 1 --peers transformers
    """


def encode(
    corpus: Annotated[
        str, typer.Argument(help="Texts to cut from; without it, docstrings of packages here.")
    ] = "",
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Hub id, folder, short name, or random-bert-small, random-minilm-l6 or "
            "random-bert-base for a shape with random weights; repeat it for several. Without it, "
            "splade-tiny and the shapes."
        ),
    ] = None,
    n_docs: Annotated[
        int, typer.Option(min=1, help="Passages; large models get fewer, other texts go by it.")
    ] = 128,
    runs: RunsOption = 3,
    peers: PeersOption = "all",
    max_length: Annotated[
        int,
        typer.Option(
            min=8, help="Word pieces of a text that are read; long documents have so many."
        ),
    ] = 300,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Time the encoding of texts by lsr and by other libraries with the same model.

    Passages of 60 words, long documents, and queries one at a time, on one core and on two. Prints
    for each contestant its speed, the ratio to sentence-transformers and how far its vectors are
    from that one's; the memory that lsr took; and what is needed to repeat the measurement. All
    models take a quarter of an hour or more.

    Example: lsr bench encode --model splade-tiny --n-docs 16 --runs 1 --peers transformers
    """
    from lsr.eval.bench.encode import ALL_MODELS, bench_encode, libraries_named

    set_quiet(quiet)
    libraries = libraries_named(peers)
    models = model or ALL_MODELS
    note(f"Encoding {runs + 1} times with each contestant: {', '.join(models)} ...")
    result = bench_encode(
        models,
        _texts(corpus),
        libraries=libraries,
        n_passages=n_docs,
        runs=runs,
        max_length=max_length,
        on_round=lambda one: note(
            f"{one.model}, cores: {one.n_cores}; {next(iter(one.verdict()))}"
        ),
    )
    _emit(result, json)


def search(
    vectors: VectorsArgument,
    queries: QueriesArgument,
    peers: PeersOption = "all",
    k: HitsOption = 10,
    n_docs: Annotated[
        int | None, typer.Option(min=1, help="Documents, from the beginning; all if unset.")
    ] = None,
    resample: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Mix new documents from the real ones until there are N."
        ),
    ] = None,
    n_queries: QueryCountOption = 300,
    runs: RunsOption = 3,
    order: OrderOption = "natural",
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="Draw recall against latency.", dir_okay=False),
    ] = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Time queries of lsr and of other engines on the same vectors, on one core.

    Prints for each engine and setting milliseconds a query, queries a second with one thread and
    with two, recall, and how many answers differ from brute force; for each index the time, memory
    and disk it took.

    Example: printf '{"id":"a","vector":{"sea":2}}' > v.jsonl && lsr bench search v.jsonl v.jsonl
    --peers none
    """
    from lsr.eval.bench.plots import plot_recall, require_matplotlib
    from lsr.eval.bench.search import bench_search, peers_named
    from lsr.eval.bench.vectors import read_vectors

    set_quiet(quiet)
    named = peers_named(peers)
    if plot:
        require_matplotlib()
    documents, asked = read_vectors(vectors, queries, n_docs=n_docs, n_queries=n_queries)
    size = resample or len(documents)
    note(
        f"Indexing {size:,} vectors and answering {len(asked):,} queries "
        f"{runs + 1} times with each engine and setting ..."
    )
    result = bench_search(documents, asked, peers=named, n_docs=size, order=order, k=k, runs=runs)
    if plot:
        plot_recall(result, plot)
    _emit(result, json)


def growth(
    vectors: VectorsArgument,
    queries: QueriesArgument,
    output: Annotated[
        Path, typer.Option("--output", metavar="DIR", help="Folder for growth.json and growth.png.")
    ],
    sizes: Annotated[
        str, typer.Option(help="Documents of each collection, comma-separated.")
    ] = "300000,1000000,3000000",
    peers: PeersOption = "all",
    peer_max_docs: Annotated[
        int, typer.Option(min=0, help="Documents of the largest collection that peers get.")
    ] = 1_000_000,
    k: HitsOption = 10,
    n_queries: QueryCountOption = 300,
    runs: RunsOption = 3,
    order: OrderOption = "natural",
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Time the same queries on growing collections, and draw the curve.

    Documents beyond those of VECTORS are mixed from real neighbours, so that terms keep their
    frequencies and clusters stay clusters.

    Example: printf '{"id":"a","vector":{"sea":2}}' > v.jsonl && lsr bench growth v.jsonl v.jsonl
    --sizes 10,100 --peers none --output growth
    """
    from lsr.eval.bench.growth import bench_growth
    from lsr.eval.bench.plots import plot_growth, require_matplotlib
    from lsr.eval.bench.search import peers_named
    from lsr.eval.bench.vectors import read_vectors

    set_quiet(quiet)
    named, numbers = peers_named(peers), _whole_numbers("--sizes", sizes)
    require_matplotlib()
    output.mkdir(parents=True, exist_ok=True)
    documents, asked = read_vectors(vectors, queries, n_queries=n_queries)
    result = bench_growth(
        documents,
        asked,
        numbers,
        peers=named,
        peer_max_docs=peer_max_docs,
        order=order,
        k=k,
        runs=runs,
        on_step=lambda step: note(
            f"{step.n_docs:,} documents: {step.named(step.ours).mean_ms:.3f} ms"
        ),
    )
    (output / "growth.json").write_bytes(msgspec.json.format(msgspec.json.encode(result.as_json())))
    plot_growth(result, output / "growth.png")
    _emit(result, json)


def spmm(
    shapes: Annotated[
        str, typer.Option(help="Inputs and outputs of each layer, comma-separated.")
    ] = "768x3072",
    tokens: Annotated[str, typer.Option(help="Numbers of tokens, comma-separated.")] = "8,128",
    sparsity: Annotated[
        str, typer.Option(help="Percent of the weights that are zero, comma-separated.")
    ] = "50,70,80,90",
    runs: RunsOption = 30,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Time a pruned layer by lsr, dense layers, and sparse products of other libraries.

    Weights are random and pruned in 4x1 blocks. Every result is checked before it is timed.

    Example: lsr bench spmm --shapes 128x512 --tokens 16 --sparsity 80 --runs 3
    """
    from lsr.eval.bench.products import bench_products

    set_quiet(quiet)
    result = bench_products(
        [_shape(one) for one in shapes.split(",")],
        _whole_numbers("--tokens", tokens),
        [percent / 100 for percent in _whole_numbers("--sparsity", sparsity)],
        runs=runs,
        on_shape=lambda one: note(f"Multiplying {one} ..."),
    )
    _emit(result, json)


def serve(
    index: Annotated[Path, typer.Argument(help="Folder of the index.")],
    queries: Annotated[str, typer.Argument(help="Queries as texts or as vectors.")],
    connections: Annotated[
        str, typer.Option(help="Connections of each load, comma-separated.")
    ] = "16,64,256,1024",
    seconds: Annotated[int, typer.Option(min=1, help="Seconds of each load.")] = 10,
    k: HitsOption = 10,
    n_queries: QueryCountOption = 300,
    runs: RunsOption = 3,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Load lsr serve with searches by vector over HTTP; time the same in process.

    The program wrk makes the load, on the same cores. Prints for each load answers a second and
    their share of what the process answers without HTTP, percentiles, statuses, the time to recover
    and the memory of the service.

    Example: printf '{"id":"a","vector":{"sea":2}}' > v.jsonl && lsr index v.jsonl --index seas
    --force -q && lsr bench serve seas v.jsonl --connections 4 --seconds 1
    """
    from lsr.corpus import read_queries
    from lsr.eval.bench.serve import bench_serve
    from lsr.eval.bench.wrk import find_wrk

    set_quiet(quiet)
    find_wrk()
    result = bench_serve(
        index,
        read_queries(queries),
        _whole_numbers("--connections", connections),
        n_queries=n_queries,
        k=k,
        seconds=seconds,
        runs=runs,
        on_step=lambda step: note(
            f"{step.n_connections:,} connections: {step.load.answered_per_second:,.0f} answers/s"
        ),
    )
    _emit(result, json)


def shards(
    indexes: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Indexes of the same documents.")
    ],
    queries: Annotated[str, typer.Option(metavar="FILE", help="Queries as texts or as vectors.")],
    k: Annotated[
        str, typer.Option("-k", "--hits", help="Hits a query, comma-separated.")
    ] = "10,1000",
    n_queries: QueryCountOption = 300,
    processors: Annotated[int, typer.Option(min=1, help="Shards that are asked at a time.")] = 2,
    where: FilterOption = None,
    algorithm: Annotated[
        str, typer.Option(metavar="auto|exhaustive|maxscore", help="How to search.")
    ] = "auto",
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Compare the answers of indexes in different numbers of shards, and what they cost.

    Prints how many queries have another answer than by the first index, and how many impacts are
    added to scores: by one process, and by one a shard, which are told what others have found.

    Example: printf '{"id":"a","vector":{"sea":2}}' > v.jsonl && lsr index v.jsonl --index one
    --force -q && lsr index v.jsonl --index two --shards 2 --force -q && lsr bench shards one two
    --queries v.jsonl
    """
    from lsr.corpus import read_queries
    from lsr.eval.bench.shards import bench_shards
    from lsr.kernels.algorithm import Algorithm

    set_quiet(quiet)
    if algorithm.upper() not in Algorithm.__members__:
        raise InvalidInputError(
            f"--algorithm is {algorithm!r}; choose one of auto, exhaustive, maxscore."
        )
    result = bench_shards(
        indexes,
        read_queries(queries),
        _whole_numbers("--hits", k),
        n_queries=n_queries,
        n_processors=processors,
        where=where,
        algorithm=Algorithm[algorithm.upper()],
    )
    _emit(result, json)


class _Result(Protocol):
    def as_json(self) -> dict[str, object]: ...

    def as_table(self) -> str: ...


def _emit(result: _Result, as_json: bool) -> None:
    if as_json:
        emit_json(result.as_json())
    else:
        emit(result.as_table())


def _shape(text: str) -> tuple[int, int]:
    try:
        columns, rows = map(int, text.split("x"))
    except ValueError:
        raise InvalidInputError(
            f"--shapes has {text!r}, but a shape is two whole numbers, such as 768x3072."
        ) from None
    return columns, rows


def _whole_numbers(option: str, text: str) -> list[int]:
    try:
        return [int(number) for number in text.split(",")]
    except ValueError:
        raise InvalidInputError(
            f"{option} is {text!r}, but must be whole numbers between commas."
        ) from None


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
add_command(app, growth)
add_command(app, spmm)
add_command(app, serve)
add_command(app, shards)
