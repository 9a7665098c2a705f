"""`lsr export`: an index as files of another tool."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lsr.cli.output import (
    JsonOption,
    PublishedIndexOption,
    QuietOption,
    emit,
    emit_json,
    note,
    set_quiet,
)

if TYPE_CHECKING:
    from lsr.interchange import ExportRecord


class Target(StrEnum):
    """The formats of `lsr.interchange.FORMATS`, which is not imported before it is used."""

    ANSERINI = "anserini"
    CIFF = "ciff"
    PISA = "pisa"
    OPENSEARCH = "opensearch"
    OPENSEARCH_ANN = "opensearch-ann"
    QDRANT = "qdrant"
    ELASTICSEARCH = "elasticsearch"
    VESPA = "vespa"
    LSR_BENCHMARK = "lsr-benchmark"


def export(
    format: Annotated[Target, typer.Argument(metavar="FORMAT", help="What to write.")],
    index: PublishedIndexOption,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="New folder for the files.")
    ],
    queries: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Queries to write too: anserini, pisa, lsr-benchmark."),
    ] = None,
    scale: Annotated[
        float | None,
        typer.Option(
            help="Multiply float32 weights by this and round them; impacts stay as they are."
        ),
    ] = None,
    query_scale: Annotated[
        float | None,
        typer.Option(help="Multiply query weights by this and round them: anserini, pisa."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the export at DIR.")] = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write an index for another tool, which then ranks as the index does.

    Deleted documents are left out. An index of 8-bit impacts gives away its impacts as they are.
    The file lsr-export.json beside them says how values and scores are to be read.
    docs/interchange.md shows the commands of each tool.

    Example: printf '{"id": "1", "vector": {"cat": 2}}' | lsr index - --index pets --force &&
    lsr export anserini --index pets --output pets-anserini --force
    """
    from lsr.cli.progress import progress_bar
    from lsr.interchange import export_index
    from lsr.retrieval import Index

    set_quiet(quiet)
    started = time.perf_counter()
    opened = Index.open(index)
    with progress_bar("documents", opened.searcher.n_docs) as bar:
        record = export_index(
            opened,
            format.value,
            output,
            queries=queries,
            scale=scale,
            query_scale=query_scale,
            replace=force,
            progress=bar.advance,
        )
    if record.queries and record.queries.n_without_terms:
        note(
            f"warning: queries without a term of the index: {record.queries.n_without_terms:,}; "
            "a file that repeats terms leaves them out."
        )
    if record.index["dense_size"]:
        note("warning: the dense rows of the documents stay behind: only sparse vectors leave.")
    if json:
        import msgspec

        emit_json({**msgspec.to_builtins(record), "output": str(output)})
    else:
        emit(_summary(record, output, time.perf_counter() - started))


def _summary(record: ExportRecord, output: Path, seconds: float) -> str:
    queries = ""
    if record.queries:
        scale = record.queries.scale
        how = "" if scale is None else f", weights times {scale:g}"
        queries = f" and {record.queries.n_queries:,} queries{how}"
    return (
        f"{record.n_docs:,} documents{queries} to {output} in {seconds:.1f} s; its values are "
        f"{record.values}, weight = value * {record.step:.6g}."
    )
