"""Shards need no Ray: who has not installed it misses only other machines."""

import subprocess
import sys
from pathlib import Path

import pytest

from command import environment
from sharded_builds import write_collection

WITHOUT_RAY = """
import sys
sys.modules["ray"] = None  # importing it fails from now on
from lsr.cli.app import main
main()
"""


def _lsr(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_RAY, *arguments],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def test_shards_are_built_and_searched(tmp_path: Path) -> None:
    write_collection(tmp_path / "docs.jsonl", 100)

    built = _lsr("index", "docs.jsonl", "--index", "idx", "--shards", "3", cwd=tmp_path)
    searched = _lsr("search", "--vector", '{"t1": 1}', "--index", "idx", cwd=tmp_path)

    assert (built.returncode, searched.returncode) == (0, 0), built.stderr + searched.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["search", "--vector", '{"t1": 1}', "--index", "idx", "--engine", "ray"],
        ["index", "docs.jsonl", "--index", "new", "--shards", "2", "--engine", "ray"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_cluster_names_what_it_needs(arguments: list[str], tmp_path: Path) -> None:
    write_collection(tmp_path / "docs.jsonl", 3)
    assert _lsr("index", "docs.jsonl", "--index", "idx", cwd=tmp_path).returncode == 0

    refused = _lsr(*arguments, cwd=tmp_path)

    assert refused.returncode == 1
    assert 'A cluster of Ray needs more packages: pip install "lsr-engine[ray]".' in refused.stderr
