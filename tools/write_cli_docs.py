"""What does every command say about itself? Writes docs/cli.md from the texts of ``--help``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command
from typer.testing import CliRunner

from lsr.cli.app import app

TARGET = Path(__file__).resolve().parents[1] / "docs" / "cli.md"
WIDTH = 88
HEAD = "# Commands\n\nWhat `--help` says, collected by `make docs`. Change it in `lsr/cli/`.\n"


def cli_reference() -> str:
    """Return the page: one section for each command, in the order of ``lsr --help``."""
    sections = [f"\n## {' '.join(path)}\n\n```\n{help_of(path)}\n```\n" for path in command_paths()]
    return HEAD + "".join(sections)


def command_paths() -> Iterator[tuple[str, ...]]:
    """Yield every command as the words that call it, groups before their members."""
    waiting: list[tuple[tuple[str, ...], Any]] = [(("lsr",), get_command(app))]
    while waiting:
        path, command = waiting.pop()
        yield path
        members = getattr(command, "commands", {})
        waiting.extend(((*path, name), member) for name, member in reversed(members.items()))


def help_of(path: tuple[str, ...]) -> str:
    """Return the help text of a command, plain and in a fixed width."""
    environment = {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": str(WIDTH)}
    result = CliRunner().invoke(
        app,
        [*path[1:], "--help"],
        env=environment,
        prog_name="lsr",
        terminal_width=WIDTH,
        catch_exceptions=False,
    )
    return "\n".join(line.rstrip() for line in result.stdout.strip().splitlines())


def main(arguments: list[str]) -> int:
    """Write the page, or only say whether it is up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail when docs/cli.md is stale")
    check = parser.parse_args(arguments).check
    page = cli_reference()
    current = TARGET.read_text(encoding="utf-8") if TARGET.exists() else ""
    if check and page != current:
        print("error: docs/cli.md is not what the commands say; run: make docs", file=sys.stderr)
        return 1
    if page != current:
        TARGET.write_text(page, encoding="utf-8")
        print(f"wrote {TARGET}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
