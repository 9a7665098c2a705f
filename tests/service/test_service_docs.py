"""docs/service.md is true: each command of it runs, and what is taken from the code is current."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from command import COMMAND, environment
from lsr.service.settings import Settings
from service_process import running_service
from write_service_docs import DOCS, meanings, openapi, page

ADDRESS = "http://127.0.0.1:8080"
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str]]:
    return BLOCK.findall((DOCS / "service.md").read_text(encoding="utf-8"))


def test_the_description_of_all_paths_is_current() -> None:
    assert (DOCS / "openapi.json").read_text(encoding="utf-8") == openapi(), "run make docs"


def test_the_table_of_limits_is_current() -> None:
    assert (DOCS / "service.md").read_text(encoding="utf-8") == page(), "run make docs"
    assert set(meanings()) == set(Settings.model_fields)


def test_every_path_has_a_command() -> None:
    text = "\n".join(block for _, block in blocks())
    paths = re.findall(r'^  "(/[^"]+)": {$', openapi(), re.MULTILINE)

    assert len(paths) > 10
    for path in paths:
        pattern = re.sub(r"\\{\w+\\}", r"[\\w$-]+", re.escape(path))
        assert re.search(rf"{re.escape(ADDRESS)}{pattern}['? \n]", text), path


@pytest.mark.slow
def test_every_command_runs(tmp_path: Path) -> None:
    (_, first), *others = blocks()
    make, serve = first.splitlines()
    _, root, *options = serve.split()[1:]
    assert (make, options[0]) == ("mkdir -p root", "--port")
    (tmp_path / root).mkdir()
    path = f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"
    with running_service(
        tmp_path / root, log=tmp_path / "log", options=tuple(options[2:])
    ) as service:
        for language, block in others:
            runner = {"bash": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}
            done = subprocess.run(
                [*runner[language], block.replace(ADDRESS, service.url)],
                cwd=tmp_path,
                env={**environment(), "PATH": path},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
            assert done.stdout, block
