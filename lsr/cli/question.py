"""What is asked, where it is no text? A vector, as JSON."""

from __future__ import annotations

from typing import Annotated

import typer

VectorOption = Annotated[
    str | None,
    typer.Option(
        "--vector", metavar="JSON", help='The question as a vector: {"term": weight, ...}.'
    ),
]


def parsed_vector(vector: str) -> dict[str, float]:
    """Read the value of --vector."""
    import msgspec

    try:
        return msgspec.json.decode(vector, type=dict[str, float])
    except msgspec.MsgspecError as error:
        raise typer.BadParameter(f"--vector is not a JSON object of weights: {error}") from None
