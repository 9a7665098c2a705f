"""Where is a table for queries without a network written? To a new file, unless told otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

OutputOption = Annotated[
    Path, typer.Option("--output", "-o", metavar="FILE.json", help="The table to write.")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace the table that is there.")]


def refuse_output(output: Path, force: bool) -> None:
    """Refuse a table that could not be written, before texts are read."""
    from lsr.errors import InvalidInputError

    if output.suffix != ".json":
        raise typer.BadParameter(f"--output must end in .json, not be {str(output)!r}.")
    if not output.parent.is_dir():
        raise InvalidInputError(
            f"There is no folder {str(output.parent)!r} to write {output.name} to; make it first."
        )
    if output.is_dir():
        raise InvalidInputError(f"{output} is a folder; name a file.")
    if output.exists() and not force:
        raise InvalidInputError(f"{output} is there already; replace it with --force.")
