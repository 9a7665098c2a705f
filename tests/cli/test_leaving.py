"""The process ends at once, and loses nothing."""

import os
import subprocess
import sys

import pytest

LEAVE = """
import atexit, sys
from lsr.cli import app
from lsr.errors import InvalidInputError

atexit.register(print, "late")
def run():
    sys.stdout.write("held back")
    {ending}
app.app = run
app.main()
"""


@pytest.mark.parametrize(
    ("ending", "code", "message"),
    [
        ("pass", 0, ""),
        ("sys.exit(0)", 0, ""),
        ("sys.exit(2)", 2, ""),
        ("sys.exit(130)", 130, "error: interrupted; what was committed before is intact.\n"),
        ("raise InvalidInputError('k is 0.')", 1, "error: k is 0.\n"),
        ("raise MemoryError", 5, "error: memory is exhausted; what was committed before is"),
        ("raise BrokenPipeError", 0, ""),
    ],
)
def test_leaves_at_once_with_all_written(ending: str, code: int, message: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LEAVE.format(ending=ending)], capture_output=True, text=True
    )

    assert done.stdout == "held back"
    assert done.stderr.startswith(message)
    assert bool(done.stderr) == bool(message)
    assert done.returncode == code


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)

    version = [sys.executable, "-m", "lsr", "--version"]
    done = subprocess.run(version, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)

    assert (done.returncode, done.stderr) == (0, "")


def test_a_mistake_of_ours_still_shows_where() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LEAVE.format(ending="raise OSError(1, 'odd')")],
        capture_output=True,
        text=True,
    )

    assert "Traceback" in done.stderr
    assert done.returncode == 1
