import io
import sys

import pytest

import pip_output as subject

UNREACHABLE = """\
WARNING: Retrying (Retry(total=0, connect=None, read=None, redirect=None, status=None)) after \
connection broken by 'NewConnectionError('<HTTPSConnection object>: Failed to establish a new \
connection: [Errno -2] Name or service not known')': /simple/numpy/
ERROR: Could not find a version that satisfies the requirement numpy>=2.0 (from versions: none)
ERROR: No matching distribution found for numpy>=2.0
"""
NOT_FOUND = "ERROR: No matching distribution found for numpy>=2.0\n"
NOT_FOUND_UNDER_CONSTRAINTS = """\
ERROR: Cannot install numpy>=2.0 because these package versions have conflicting dependencies.
The conflict is caused by:
    The user requested numpy>=2.0
    The user requested (constraint) numpy==2.4.6
ERROR: ResolutionImpossible: for help visit the documentation
"""
FULL = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n"
FORBIDDEN = (
    "ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: "
    "'/srv/lsr/.venv/lib'.\n"
)
NO_ENSUREPIP = """\
The virtual environment was not created successfully because ensurepip is not
available.  On Debian/Ubuntu systems, you need to install the python3-venv
package using the following command.
"""


@pytest.mark.parametrize(
    ("output", "cause"),
    [
        (UNREACHABLE, "registry cannot be reached"),
        (NOT_FOUND, "registry has no numpy>=2.0 that suits"),
        (NOT_FOUND_UNDER_CONSTRAINTS, "registry has no numpy>=2.0 that suits"),
        (FULL, "is full"),
        (FORBIDDEN, "Permission denied: '/srv/lsr/.venv/lib'."),
        (NO_ENSUREPIP, "apt install python3"),
        # Retries come before the disk fills up; the last thing that went wrong counts.
        (UNREACHABLE + FULL, "is full"),
    ],
)
def test_names_cause_and_remedy(output: str, cause: str) -> None:
    sentence = subject.cause_of_failure(output, "make demo")

    assert sentence is not None
    assert cause in sentence
    assert sentence.lower().endswith("then: make demo")
    assert "\n" not in sentence


def test_unknown_failure_has_no_invented_cause() -> None:
    assert subject.cause_of_failure("Segmentation fault", "make demo") is None


@pytest.mark.parametrize(
    ("line", "news"),
    [
        ("Collecting numba>=0.61 (from lsr-engine==0.1.0)", "Collecting numba>=0.61"),
        (
            "  Downloading torch-2.13.0-cp311-linux.whl (183.0 MB)",
            "Downloading torch-2.13.0 (183.0 MB)",
        ),
        (
            "  Downloading https://host/x/torch-2.13.0-cp311.whl (9 MB)",
            "Downloading torch-2.13.0 (9 MB)",
        ),
        ("  Downloading click-8.5.1-py3-none-any.whl (126 kB)", None),
        ("Installing collected packages: a, b, c", "Installing 3 packages"),
        ("Requirement already satisfied: numpy in ./lib", None),
        ("", None),
    ],
)
def test_shortens_lines_to_what_one_waits_for(line: str, news: str | None) -> None:
    assert subject.news_of(line) == news


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_log_gets_a_line_for_each_piece_of_news(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    progress = subject.Progress(n_steps=2)

    progress.begin_step("Making")
    progress.tick()
    progress.begin_step("Installing")
    progress.finish("Ready.")

    assert stream.getvalue() == "[1/2]   0 s  Making\n[2/2]   0 s  Installing\nReady.\n"


def test_terminal_gets_one_line_that_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    progress = subject.Progress(n_steps=1)

    progress.begin_step("Making")
    progress.tick()
    progress.finish("Ready.")

    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue().count("\r\033[K[1/1]   0 s  Making") == 2
