"""`lsr convert`: a model in any layout, written so that sentence-transformers opens it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lsr.cli.encoder_options import (
    EncoderOptions,
    MaxLengthOption,
    QueryModelOption,
    QueryWeightsOption,
)
from lsr.cli.output import JsonOption, QuietOption, emit, emit_json, set_quiet


def convert(
    model: Annotated[str, typer.Argument(help="Hub id, folder, or short name.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write.")],
    query_model: QueryModelOption = None,
    query_weights: QueryWeightsOption = None,
    max_length: MaxLengthOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the model that is there.")
    ] = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write a model as one folder that sentence-transformers opens, with the same vectors there.

    Two towers, or a model and a table of query weights, become one model. The licence is passed on.

    Example: lsr convert splade-tiny --output my-splade --force
    """
    from lsr.encoders import Backend, save_encoder

    set_quiet(quiet)
    options = EncoderOptions(
        model=model,
        max_length=max_length,
        query_model=query_model,
        query_weights=query_weights,
    )
    encoder = options.load(Backend.AUTO)
    folder = save_encoder(encoder, output, replace=force)
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    if json:
        emit_json({"output": str(folder), "size_bytes": size, "encoder": encoder.settings})
    else:
        emit(f"{encoder.model} to {folder} ({size / 1e6:,.1f} MB).")
