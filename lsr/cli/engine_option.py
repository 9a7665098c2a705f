"""Who does the work? This process, or a cluster of Ray."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lsr.retrieval import Index

LOCAL = "local"

EngineOption = Annotated[
    str,
    typer.Option(
        metavar="local|ray|HOST:PORT",
        help="Work in this process, in a cluster of Ray that is started here, or in the one at an "
        "address (docs/cluster.md).",
    ),
]

OnShardFailureOption = Annotated[
    str,
    typer.Option(
        metavar="fail|partial",
        help="With --engine: fail when a shard does not answer, or answer without it and warn.",
    ),
]

ShardTimeoutOption = Annotated[
    float,
    typer.Option(min=0.001, metavar="SECONDS", help="With --engine: time for shards to answer."),
]


@contextmanager
def searching_engine(
    engine: str, on_failure: str, timeout_s: float
) -> Iterator[Callable[[Index], Index]]:
    """Yield what lets an engine search an index.

    Raises:
        ConfigError: `on_failure` is unknown, or `engine` no address.
        ServiceError: the cluster cannot be joined.
    """
    if engine == LOCAL:
        yield lambda index: index
        return
    from lsr.cluster.searching import OnFailure, search_remotely
    from lsr.cluster.session import session
    from lsr.errors import ConfigError

    if on_failure not in list(OnFailure):
        raise ConfigError(
            f"--on-shard-failure is {on_failure!r}; choose one of {', '.join(OnFailure)}."
        )
    with session(engine):
        yield lambda index: search_remotely(index, OnFailure(on_failure), timeout_s)
