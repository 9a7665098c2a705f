"""Where does output go? Results to stdout, notes to stderr, bars on a terminal only."""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Callable
from typing import Annotated, Any, Protocol

import msgspec
import typer
from rich.console import Console

stdout = Console(highlight=False)
console = Console(stderr=True, highlight=False)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print results only, no notes.")]
PublishedIndexOption = Annotated[
    str,
    typer.Option(
        "--index", metavar="DIR|URL", help="Folder of the index, or a URL where it was published."
    ),
]


def _folder(place: str) -> str:
    """Refuse a URL where a folder is written."""
    from lsr.errors import ConfigError
    from lsr.index.object_store import is_url

    if is_url(place):
        raise ConfigError(
            f"{place!r} is a URL, and an index is written in a folder; publish what is in there "
            f"with: lsr snapshot --index DIR --output {place}"
        )
    return place


IndexOption = Annotated[
    str,
    typer.Option("--index", metavar="DIR", callback=_folder, help="Folder of the index."),
]
ThreadsOption = Annotated[
    int, typer.Option("--threads", min=1, help="Queries scored at the same time.")
]


def add_command(app: typer.Typer, verb: Callable[..., None], *, name: str | None = None) -> None:
    """Make a function a verb of `app`.

    The last paragraph of its docstring, ``Example: lsr ...``, ends the help as one line that runs
    as it stands.
    """
    text, _, example = inspect.cleandoc(verb.__doc__ or "").partition("Example: ")
    # Click leaves lines behind a backspace character as they are.
    epilog = f"\b\nExample:\n  {' '.join(example.split())}"
    app.command(name, help=text, epilog=epilog)(verb)


class Bar(Protocol):
    """A progress bar that counts."""

    def advance(self, n: int = 1, n_tokens: int = 0) -> None:
        """Count `n` more, and the tokens that an encoder has read of them."""


def parse_size(text: str) -> int:
    """Read a size in bytes, such as ``512MB`` or ``2 GiB``."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([KMGT]?)(i?)B?", text.strip(), re.IGNORECASE)
    if not found:
        raise typer.BadParameter(f"{text!r} is not a size; write it as 512MB or 2GB.")
    number, prefix, is_binary = found.groups()
    exponent = " KMGT".index(prefix.upper() or " ")
    return int(float(number) * (1024 if is_binary else 1000) ** exponent)


def emit(text: str) -> None:
    """Print a result as it is."""
    typer.echo(text)


def emit_json(value: Any) -> None:
    """Print a result as JSON, indented on a terminal and on one line otherwise."""
    encoded = msgspec.json.encode(value)
    typer.echo((msgspec.json.format(encoded) if stdout.is_terminal else encoded).decode())


def note(message: str) -> None:
    """Tell a person something that is not a result; silent under --quiet."""
    if not console.quiet:
        console.out(message, highlight=False)


def set_quiet(quiet: bool) -> None:
    """Silence notes, warnings and bars from here on."""
    console.quiet = quiet


def shows_bars() -> bool:
    """Say whether anybody sees a progress bar."""
    return console.is_terminal and not console.quiet


class _WarningHandler(logging.Handler):
    """Prints records as notes are printed, above a bar that is shown."""

    def emit(self, record: logging.LogRecord) -> None:
        note(self.format(record))


def show_warnings() -> None:
    """Send the library's warnings to stderr, one line each."""
    handler = _WarningHandler(logging.WARNING)
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    logger = logging.getLogger("lsr")
    logger.handlers = [handler]
    logger.propagate = False
