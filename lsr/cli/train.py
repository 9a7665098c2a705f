"""`lsr train`: a model trained by a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lsr.cli.output import JsonOption, QuietOption, emit, emit_json, note, set_quiet


def train(
    recipe: Annotated[Path, typer.Argument(help="TOML file; docs/training.md says what is in it.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of the model.")
    ],
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the training that the folder holds.")
    ] = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Train a model by a recipe.

    The recipe names a model to start from, data, losses and penalties. The folder then holds a
    model that every other verb opens by its name, log.jsonl with a line for every so many steps,
    and checkpoints. A training that was interrupted ends with the same weights when it is resumed.

    One that stops learning to retrieve is stopped, with the likely cause and what to do.

    Example: lsr train recipe.toml --output model
    """
    from lsr.training.recipe_file import read_recipe
    from lsr.training.run import train as run

    set_quiet(quiet)
    read = read_recipe(recipe)
    folder = run(read, output, resume=resume, on_log=_note_line)
    if json:
        emit_json({"output": str(folder), "steps": read.schedule.steps})
    else:
        emit(
            f"The model is in {folder}; for an index: lsr index CORPUS --model {folder} --index DIR"
        )


def _note_line(line: dict[str, Any]) -> None:
    """Print a line of the log for a person."""
    if "data" in line:
        note(
            ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in line["data"].items())
        )
        return
    note("  ".join(f"{name} {_written(value)}" for name, value in line.items()))


def _written(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
