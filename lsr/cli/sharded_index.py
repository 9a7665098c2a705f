"""`lsr index --shards N`: a plan, shards built apart and kept one by one, and one commit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lsr.cli.encoder_options import EncoderOptions
from lsr.cli.engine_option import LOCAL
from lsr.cli.index_target import opened_or_created
from lsr.cli.long_texts import OnLong
from lsr.cli.output import emit, emit_json, note
from lsr.cli.resuming import BuildPlan, Position

Build = Callable[[Path, list[int]], Iterator[int]]
"""Builds shards and yields how many documents each holds."""


def index_in_shards(
    plan: BuildPlan,
    path: Path,
    encoder_options: EncoderOptions,
    backend: str,
    memory: int | None,
    on_long: OnLong,
    replace: bool,
    resume: bool,
    engine: str,
    json: bool,
) -> None:
    """Make a new index of shards; see `lsr.cli.index.index` for the options.

    Raises:
        ConfigError: an option has no meaning for shards, or the engine cannot be used.
    """
    from lsr.cli.progress import progress_bar
    from lsr.cluster.building import finish, is_planned, shards_to_build
    from lsr.index import write_lock
    from lsr.retrieval import Index

    started = time.perf_counter()
    _refuse_options(plan, path, on_long, replace)
    with _builder(engine) as build:
        if not (resume and is_planned(path)):
            _plan(plan, path, encoder_options, backend, memory, replace)
        with write_lock(path), _telling_what_is_kept(path):
            numbers, n_docs = shards_to_build(path)
            with progress_bar("documents", n_docs) as bar:
                for n_built in build(path, numbers):
                    bar.advance(n_built)
            finish(path)
    seconds = time.perf_counter() - started
    facts = Index.open(path).info()
    n_shards = plan.options["shards"]
    if json:
        emit_json(
            {
                "shards": n_shards,
                "built": len(numbers),
                "seconds": round(seconds, 3),
                "index": facts,
            }
        )
        return
    emit(
        f"{facts['n_docs']:,} documents in {path} after {seconds:.1f} s "
        f"(shards: {n_shards}, built now: {len(numbers)}, {facts['size_bytes'] / 1e6:,.1f} MB)."
    )


def _refuse_options(plan: BuildPlan, path: Path, on_long: OnLong, replace: bool) -> None:
    from lsr.errors import ConfigError
    from lsr.index import is_index

    if plan.options["shards"] is None:
        raise ConfigError("--engine needs --shards N: how many parts there are to share out.")
    if is_index(path) and not replace:
        raise ConfigError(
            f"{path} is an index already, and --shards is fixed when one is made; leave it out to "
            "add documents, or add --force to remake."
        )
    if plan.options["update"] or on_long is OnLong.ERROR or not plan.is_repeatable:
        raise ConfigError(
            "A build of shards reads its input more than once and looks at no other shard; leave "
            "out --update and --on-long error, and give files in place of standard input."
        )


def _plan(
    plan: BuildPlan,
    path: Path,
    encoder_options: EncoderOptions,
    backend: str,
    memory: int | None,
    replace: bool,
) -> None:
    """Read the corpus once, and leave the plan of the build at `path`."""
    from lsr.cli.progress import progress_bar
    from lsr.cluster.planning import plan_shards, scale_of
    from lsr.encoders import Backend
    from lsr.errors import ConfigError

    options = dict(plan.options)
    skips_bad = options["on-error"] == "skip"
    is_scaled = options["weights"] == "uint8" and options["max-weight"] is None
    if is_scaled and encoder_options.model is None:
        options["max-weight"] = scale_of(plan.sources, options["prune"], skips_bad=skips_bad)
    index = opened_or_created(plan.sources, path, options, encoder_options, backend, replace)
    if is_scaled and encoder_options.model and index.encoder.weight_ceiling is None:
        raise ConfigError(
            "The weights of this model have no limit, and shards must share one; name it with "
            "--max-weight, or store weights as they are with --weights float32."
        )
    with progress_bar("documents to share out", None) as bar:
        plan_shards(
            index,
            plan.sources,
            options["shards"],
            memory_bytes=memory,
            skips_bad=skips_bad,
            backend=Backend.parse(backend),
            progress=plan.progress(Position()),
            count=bar.advance,
        )


@contextmanager
def _builder(engine: str) -> Iterator[Build]:
    """Yield what builds shards."""
    from lsr.cluster.building import build_here

    if engine == LOCAL:
        yield build_here
        return
    from lsr.cluster.remote_building import build_remotely
    from lsr.cluster.session import session

    with session(engine):
        yield build_remotely


@contextmanager
def _telling_what_is_kept(path: Path) -> Iterator[None]:
    """Say, when a build breaks off, that it can be continued."""
    from lsr.cluster.building import shards_to_build

    try:
        yield
    except BaseException:
        numbers, _ = shards_to_build(path)
        note(
            f"note: shards to build: {len(numbers)}; repeat the command with --resume to go on "
            "with them."
        )
        raise
