"""`lsr keys`: who may use a service."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from lsr.cli.output import JsonOption, QuietOption, add_command, emit, emit_json, note, set_quiet

app = typer.Typer(
    name="keys",
    no_args_is_help=True,
    help="Make, list and revoke the keys of a service.",
    rich_markup_mode=None,
)
KeysOption = Annotated[Path, typer.Option("--keys", metavar="FILE", help="File of the keys.")]
NameArgument = Annotated[str, typer.Argument(help="Name of the key.")]
SCOPES = ("search", "write", "admin")


def create(
    name: NameArgument,
    keys: KeysOption,
    scope: Annotated[
        list[str] | None,
        typer.Option(metavar="|".join(SCOPES), help="What it allows; may be repeated.  [search]"),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Make a key and print it, which happens only now: the file keeps its hash.

    A running service that was started with this file knows the key at once.

    Example: lsr keys create web-$(date +%N) --scope search --keys keys.json
    """
    from lsr.service.key_file import Scope, create_key

    set_quiet(quiet)
    scopes = scope or ["search"]
    for one in scopes:
        if one not in SCOPES:
            raise typer.BadParameter(f"{one!r} is none of {', '.join(SCOPES)}.", param_hint="scope")
    token = create_key(keys, name, [Scope(one) for one in scopes])
    note(f"{keys} has the key {name!r} for {', '.join(scopes)}. Its token is shown only now:")
    emit(token)


def show(keys: KeysOption, json: JsonOption = False) -> None:
    """List the keys of a file: names and scopes, no tokens.

    Example: lsr keys create web-$(date +%N) --keys keys.json && lsr keys list --keys keys.json
    """
    from lsr.service.key_file import read_keys

    found = read_keys(keys)
    if json:
        emit_json([{"name": k.name, "scopes": k.scopes, "created": k.created} for k in found])
        return
    for key in found:
        day = time.strftime("%Y-%m-%d", time.gmtime(key.created))
        emit(f"{key.name}  {', '.join(key.scopes)}  {day}")


def revoke(name: NameArgument, keys: KeysOption, quiet: QuietOption = False) -> None:
    """Remove a key; a running service refuses it at once.

    Example: lsr keys create old --keys old.json && lsr keys revoke old --keys old.json
    """
    from lsr.service.key_file import revoke_key

    set_quiet(quiet)
    revoke_key(keys, name)
    note(f"{keys} has no key {name!r} any more.")


add_command(app, create)
add_command(app, show, name="list")
add_command(app, revoke)
