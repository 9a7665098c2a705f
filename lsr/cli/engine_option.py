"""Who does the work? This process, or a cluster of Ray."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

if TYPE_CHECKING:
    from lsr.encoders import EncodedTexts, Encoder, EncodingListener
    from lsr.retrieval import Index


class EncodeStream(Protocol):
    """Encodes texts while they are read; see `Encoder.encode_stream`."""

    def __call__(
        self, encoder: Encoder, runs: Iterable[Sequence[str]], listener: EncodingListener
    ) -> Generator[EncodedTexts, None, None]:
        """Yield what became of each run."""


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

ShardReplicasOption = Annotated[
    int,
    typer.Option(
        min=1,
        metavar="N",
        help="With --engine: processes of each shard, which take turns and stand in for another.",
    ),
]


@contextmanager
def searching_engine(
    engine: str, on_failure: str, timeout_s: float, replicas: int = 1
) -> Iterator[Callable[[Index], Index]]:
    """Yield what lets an engine search an index.

    Raises:
        ConfigError: `on_failure` is unknown, or `engine` no address.
        ServiceError: the cluster cannot be joined.
    """
    if engine == LOCAL:
        yield lambda index: index
        return
    from lsr.cluster.remote_shards import OnFailure, ShardOptions
    from lsr.cluster.searching import search_remotely
    from lsr.cluster.session import session
    from lsr.errors import ConfigError

    if on_failure not in list(OnFailure):
        raise ConfigError(
            f"--on-shard-failure is {on_failure!r}; choose one of {', '.join(OnFailure)}."
        )
    options = ShardOptions(OnFailure(on_failure), timeout_s, replicas)
    with session(engine):
        yield lambda index: search_remotely(index, options)


@contextmanager
def encoding_engine(engine: str, backend_name: str) -> Iterator[EncodeStream]:
    """Yield what lets an engine encode texts.

    Raises:
        ConfigError: `engine` is no address.
        ServiceError: the cluster cannot be joined.
    """
    if engine == LOCAL:
        yield lambda encoder, runs, listener: encoder.encode_stream(runs, listener)
        return
    from lsr.cluster.remote_encoding import encode_remotely
    from lsr.cluster.session import session
    from lsr.encoders import Backend

    backend = Backend.parse(backend_name)
    with session(engine):
        yield lambda encoder, runs, listener: encode_remotely(encoder, backend, runs, listener)
