"""The command `lsr`: its verbs, and how errors become one sentence and an exit code."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Annotated, NoReturn

import typer

import lsr
from lsr.cli import bench, compress, idf, keys
from lsr.cli.convert import convert
from lsr.cli.delete import delete
from lsr.cli.demo import demo
from lsr.cli.doctor import doctor
from lsr.cli.encode import encode
from lsr.cli.evaluate import evaluate
from lsr.cli.explain import explain
from lsr.cli.export import export
from lsr.cli.fold import fold
from lsr.cli.importing import import_index
from lsr.cli.index import index
from lsr.cli.info import info
from lsr.cli.merge import merge
from lsr.cli.mine import mine
from lsr.cli.output import add_command, console, show_warnings
from lsr.cli.pseudo_queries import pseudo_queries
from lsr.cli.reproduce import reproduce
from lsr.cli.search import search
from lsr.cli.serve import serve
from lsr.cli.snapshot import restore, snapshot
from lsr.cli.train import train
from lsr.cli.verify import verify
from lsr.cli.warmup import warmup
from lsr.errors import DISK_FULL_ERRNOS, LsrError

EXIT_INTERRUPTED = 130
EXIT_EXHAUSTED = 5

app = typer.Typer(
    name="lsr",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Learned sparse retrieval: index text with a neural encoder, search it, explain it.\n\n"
    "Results go to stdout, notes to stderr. Exit codes: 0 ok, 1 user error, 2 usage, "
    "3 corrupt or incompatible index, 4 index locked, 5 disk or memory exhausted, "
    "130 interrupted.\n\n"
    "Example: lsr demo",
)
for verb in (
    *(demo, index, search, serve, explain, delete, merge, encode, info, verify),
    *(convert, snapshot, restore, export, doctor, warmup),
):
    add_command(app, verb)
add_command(app, import_index, name="import")
add_command(app, evaluate, name="eval")
add_command(app, reproduce)
add_command(app, train)
add_command(app, mine)
add_command(app, pseudo_queries)
add_command(app, fold)
app.add_typer(idf.app, name="idf")
app.add_typer(keys.app, name="keys")
app.add_typer(bench.app, name="bench")
app.add_typer(compress.app, name="compress")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lsr-engine {lsr.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print it."),
    ] = False,
) -> None:
    show_warnings()


def main() -> NoReturn:
    """Run the command line, then end the process; no traceback for a user's mistake."""
    try:
        code = _run()
        sys.stdout.flush()
    except LsrError as error:
        code = error.exit_code
        _say(str(error))
    except MemoryError:
        code = EXIT_EXHAUSTED
        _say("memory is exhausted; what was committed before is intact.")
    except BrokenPipeError:
        code = 0  # the reader of stdout, such as `head`, has seen enough
    except OSError as error:
        if error.errno not in DISK_FULL_ERRNOS:
            raise
        code = EXIT_EXHAUSTED
        _say("the disk is full: the results could not be written.")
    with suppress(OSError):
        sys.stdout.flush()
    sys.stderr.flush()
    # Every block has tidied up by now. For Python to take all modules apart would take a fifth of a
    # second more where kernels are loaded, and most of one where torch is.
    os._exit(code)


def _run() -> int:
    """Run the verb and return its exit code."""
    try:
        app()
    except SystemExit as ended:
        # So Typer leaves, with 1, when nobody reads stdout any more.
        if isinstance(ended.__context__, BrokenPipeError):
            raise ended.__context__ from None
        # Typer turns Ctrl-C into this exit without a word.
        if ended.code == EXIT_INTERRUPTED:
            _say("interrupted; what was committed before is intact.")
        return int(ended.code or 0)
    return 0


def _say(message: str) -> None:
    console.quiet = False
    console.out(f"error: {message}", highlight=False)
