"""Who does the work? This process, or a cluster of Ray."""

from __future__ import annotations

from typing import Annotated

import typer

LOCAL = "local"

EngineOption = Annotated[
    str,
    typer.Option(
        metavar="local|ray|HOST:PORT",
        help="Work in this process, in a cluster of Ray that is started here, or in the one at an "
        "address (docs/cluster.md).",
    ),
]
