"""Every help ends with a command that runs as it stands."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from command import environment, lsr

VERBS = [
    *("index", "search", "explain", "delete", "merge", "encode", "info", "verify", "eval"),
    *("convert", "snapshot", "restore", "export", "import", "doctor", "warmup", "reproduce"),
    *("idf build", "idf merge", "idf show"),
    *("serve", "keys create", "keys list", "keys revoke"),
    *("bench encode", "bench search", "bench growth", "bench spmm", "bench serve"),
    "bench shards",
    *("compress analyze", "compress apply"),
    "pseudo-queries",
    "fold",
]


def _example(verb: str) -> str:
    help_text = lsr(*verb.split(), "--help").stdout
    _, found, example = help_text.partition("Example:\n")
    assert found, help_text
    assert "\n" not in example.strip()
    return example.strip()


@pytest.fixture(scope="module")
def with_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    _run(_example("demo"), folder)
    return folder


def _run(command: str, folder: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**environment(), "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.xdist_group("demo")  # one for all of them
@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS)
def test_the_example_runs(verb: str, with_demo: Path) -> None:
    if verb == "bench serve" and not shutil.which("wrk"):
        pytest.skip("wrk is not installed")
    assert _run(_example(verb), with_demo)


def test_every_verb_is_covered() -> None:
    commands = lsr("--help").stdout.partition("Commands:\n")[2]

    found = {line.split()[0] for line in commands.splitlines() if line.strip()}
    assert found == {verb.split()[0] for verb in VERBS} | {"demo", "mine", "train"}
