"""`lsr serve`: search over HTTP, and a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lsr.cli.output import QuietOption, note, set_quiet


def serve(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Indexes, or folders of indexes.")
    ],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port to listen on.")] = 8080,
    quiet: QuietOption = False,
) -> None:
    """Serve indexes over HTTP: a REST API, its documentation, and a search page.

    Example: printf '{"id": "1", "vector": {"cat": 2}}' | lsr index - --index pets --force &&
    timeout 5 lsr serve pets --port 8099 || true
    """
    set_quiet(quiet)
    from lsr.errors import MissingDependencyError

    try:
        from lsr.service.app import create_app
        from lsr.service.server import run
    except ModuleNotFoundError as error:
        raise MissingDependencyError("lsr serve", "serve") from error
    app = create_app(folders)
    note(f"Serving {', '.join(app.state.catalog.names)} at http://{host}:{port}")
    run(app, host, port)
