"""`lsr serve`: search over HTTP, and a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lsr.cli.engine_option import (
    LOCAL,
    EngineOption,
    OnShardFailureOption,
    ShardReplicasOption,
    ShardTimeoutOption,
    searching_engine,
)
from lsr.cli.following import followed
from lsr.cli.output import QuietOption, note, set_quiet

if TYPE_CHECKING:
    from lsr.service.catalog import Catalog


def serve(
    folders: Annotated[
        list[str],
        typer.Argument(metavar="DIR|URL...", help="Indexes, folders of indexes, or URLs of some."),
    ],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port to listen on.")] = 8080,
    keys: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Ask for one of these keys (lsr keys create)."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[=MODEL]", help="A model that clients may make indexes and encode with."
        ),
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Listen on a public address without keys.")
    ] = False,
    log_requests: Annotated[
        bool, typer.Option(help="Write one line of JSON a request to stderr.")
    ] = True,
    engine: EngineOption = LOCAL,
    on_shard_failure: OnShardFailureOption = "fail",
    shard_timeout: ShardTimeoutOption = 10.0,
    shard_replicas: ShardReplicasOption = 1,
    quiet: QuietOption = False,
) -> None:
    """Serve indexes over HTTP: a REST API, its documentation, and a search page.

    New commits are served as soon as they are made, those at a URL within a minute. SIGTERM and
    Ctrl-C let requests end first. More settings, as LSR_SERVE_NAME in the environment:
    max_body_bytes, max_waiting, timeout_ms, workers, drain_s and others.

    Example: printf '{"id": "1", "vector": {"cat": 2}}' | lsr index - --index pets --force -q &&
    { lsr serve pets --port 8099 & sleep 5; curl -fsS 'http://127.0.0.1:8099/v1/indexes'; kill $!; }
    """
    set_quiet(quiet)
    from lsr.errors import ConfigError, MissingDependencyError
    from lsr.retrieval import Index

    try:
        from pydantic import ValidationError

        from lsr.service.app import create_app
        from lsr.service.server import refuse_open_house, run
        from lsr.service.settings import Settings
    except ModuleNotFoundError as error:
        raise MissingDependencyError("lsr serve", "serve") from error
    try:
        settings = Settings(log_requests=log_requests)
        if keys:
            settings = settings.model_copy(update={"keys": keys})
        if model:
            named = {one.partition("=")[0]: one.partition("=")[2] or one for one in model}
            settings = settings.model_copy(update={"models": {**settings.models, **named}})
    except ValidationError as error:
        first = error.errors()[0]
        name = "LSR_SERVE_" + ".".join(map(str, first["loc"])).upper()
        raise ConfigError(f"{name} is {first['input']!r}: {first['msg']}.") from error
    if not insecure:
        refuse_open_house(host, settings.keys is not None)
    with (
        followed(folders) as paths,
        searching_engine(engine, on_shard_failure, shard_timeout, shard_replicas) as placed,
    ):
        app = create_app(paths, settings, lambda path: placed(Index.open(path)))
        _announce(app.state.catalog, f"http://{host}:{port}")
        raise typer.Exit(run(app, host, port, settings.drain_s))


def _announce(catalog: Catalog, address: str) -> None:
    """Say what is served, and what is not.

    Raises:
        LsrError: nothing can be served.
    """
    faults = [served.fault for served in catalog]
    if faults and faults[0] and all(faults):  # one that can be served is worth serving
        raise faults[0]
    for served in catalog:
        if served.fault:
            note(f"The index {served.name!r} is not served: {served.fault}")
    names = ", ".join(catalog.names) or "no index yet (PUT /v1/indexes/NAME makes one)"
    note(f"Serving {names} at {address}")
