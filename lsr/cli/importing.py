"""`lsr import`: what another tool wrote becomes an index."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lsr.cli.index import index as index_files
from lsr.cli.output import IndexOption, JsonOption, QuietOption


class Origin(StrEnum):
    """The formats of `lsr.interchange.IMPORTS`, which is not imported before it is used."""

    ANSERINI = "anserini"
    CIFF = "ciff"
    LSR_BENCHMARK = "lsr-benchmark"


def import_index(
    format: Annotated[Origin, typer.Argument(metavar="FORMAT", help="What SOURCE is.")],
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="A file of the format, or its folder.")
    ],
    index: IndexOption,
    max_weight: Annotated[
        float | None,
        typer.Option(help="Largest weight that the 8-bit impacts must hold; fitted if unset."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the index at DIR.")] = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Index what another tool wrote; whole numbers up to 255 stay as they are.

    It finds the files of documents and leaves the rest to lsr index, which has more options and
    reads the same files.

    Example: printf '{"id": "1", "contents": "", "vector": {"cat": 2}}' > vectors.jsonl &&
    lsr import anserini vectors.jsonl --index imported --force
    """
    from lsr.interchange import document_files

    index_files(
        [str(file) for file in document_files(format.value, source)],
        index,
        max_weight=max_weight,
        force=force,
        json=json,
        quiet=quiet,
    )
