"""How does `lsr index --resume` know where it was? A checkpoint holds options, input and position.

A build goes on only with what it began with: other options or a changed corpus would make an index
that no single command makes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from lsr.cli.output import note
from lsr.errors import ConfigError, LsrError

if TYPE_CHECKING:
    from lsr.index import Checkpoint


class Position(msgspec.Struct, frozen=True):
    """How far a build has read: number of the source, and documents read of it."""

    source: int = 0
    n_read: int = 0


class BuildPlan(msgspec.Struct, frozen=True):
    """What a build is made of.

    Attributes:
        options: options that shape the index, by name.
        sources: the inputs, files by their whole path.
        states: what changes when an input does; None for one that cannot be read again.
    """

    options: dict[str, Any]
    sources: list[str]
    states: list[str | None]

    @staticmethod
    def of(corpus: Sequence[str], options: Mapping[str, Any]) -> BuildPlan:
        """Look at the inputs of a command."""
        from lsr.corpus import corpus_state

        sources = [str(Path(one).resolve()) if Path(one).exists() else one for one in corpus]
        return BuildPlan(dict(options), sources, [corpus_state(one) for one in corpus])

    @property
    def is_repeatable(self) -> bool:
        """Whether a later command can read the same again."""
        return None not in self.states

    def progress(self, position: Position) -> dict[str, Any]:
        """Return what a checkpoint must hold."""
        progress: dict[str, Any] = msgspec.to_builtins({"plan": self, "position": position})
        return progress

    def position_in(self, unfinished: Checkpoint, path: Path) -> Position:
        """Return where an interrupted build was.

        Raises:
            ConfigError: it was another build than this.
        """
        before = msgspec.convert(unfinished.progress["plan"], BuildPlan)
        remedy = (
            f"repeat the command as it was to continue, or remove {path / 'checkpoint.json'} to "
            "drop what it made."
        )
        for name, value in self.options.items():
            if value != before.options.get(name):
                raise ConfigError(
                    f"The interrupted build in {path} had {_spelled(name, before.options[name])}, "
                    f"not {_spelled(name, value)}; {remedy}"
                )
        if self.sources != before.sources:
            raise ConfigError(
                f"The interrupted build in {path} read {', '.join(before.sources)}; {remedy}"
            )
        for source, state, state_before in zip(
            self.sources, self.states, before.states, strict=True
        ):
            if state != state_before:
                raise ConfigError(
                    f"{source} has changed since the build in {path} was interrupted; remove "
                    f"{path / 'checkpoint.json'} and build again."
                )
        return msgspec.convert(unfinished.progress["position"], Position)


@contextmanager
def telling_what_is_kept(path: Path) -> Iterator[None]:
    """Say, when a build breaks off, that it can be continued."""
    from lsr.index import read_checkpoint

    try:
        yield
    except BaseException:
        with suppress(LsrError):
            unfinished = read_checkpoint(path)
            if unfinished:
                note(
                    f"note: {unfinished.n_docs:,} documents are kept; repeat the command with "
                    "--resume to continue after them."
                )
        raise


def _spelled(name: str, value: object) -> str:
    option = f"--{name.replace('_', '-')}"
    return f"no {option}" if value in (None, False, []) else f"{option} {value}"
