"""The command `lsr`: its verbs, and how errors become one sentence and an exit code."""

from __future__ import annotations

import os
import sys
from typing import Annotated, NoReturn

import typer

import lsr
from lsr.cli import bench, idf
from lsr.cli.convert import convert
from lsr.cli.delete import delete
from lsr.cli.demo import demo
from lsr.cli.doctor import doctor
from lsr.cli.encode import encode
from lsr.cli.evaluate import evaluate
from lsr.cli.explain import explain
from lsr.cli.export import export
from lsr.cli.importing import import_index
from lsr.cli.index import index
from lsr.cli.info import info
from lsr.cli.merge import merge
from lsr.cli.output import add_command, console, show_warnings
from lsr.cli.reproduce import reproduce
from lsr.cli.search import search
from lsr.cli.snapshot import restore, snapshot
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
    *(demo, index, search, explain, delete, merge, encode, info, verify),
    *(convert, snapshot, restore, export, doctor, warmup),
):
    add_command(app, verb)
add_command(app, import_index, name="import")
add_command(app, evaluate, name="eval")
add_command(app, reproduce)
app.add_typer(idf.app, name="idf")
app.add_typer(bench.app, name="bench")


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
    """Run the command line; never shows a traceback for a user's mistake."""
    try:
        app()
    except LsrError as error:
        _fail(str(error), error.exit_code)
    except SystemExit as ended:
        # Typer turns Ctrl-C into this exit without a word.
        if ended.code != EXIT_INTERRUPTED:
            raise
        _say("interrupted; what was committed before is intact.")
        # Every block has tidied up by now. Unloading torch would take most of a second more.
        os._exit(EXIT_INTERRUPTED)
    except MemoryError:
        _fail("memory is exhausted; what was committed before is intact.", EXIT_EXHAUSTED)
    except BrokenPipeError:
        # The reader of stdout, such as `head`, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        if error.errno not in DISK_FULL_ERRNOS:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _fail("the disk is full: the results could not be written.", EXIT_EXHAUSTED)
    sys.exit(0)


def _fail(message: str, code: int) -> NoReturn:
    _say(message)
    sys.exit(code)


def _say(message: str) -> None:
    console.quiet = False
    console.out(f"error: {message}", highlight=False)
