"""Fixtures that several test folders share."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import reference_engines

ROOT = Path(__file__).parents[1]

_JAR = reference_engines.FOLDER / reference_engines.JAR
if _JAR.is_file():
    os.environ.setdefault("LSR_ANSERINI_JAR", str(_JAR))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real collections, which cannot be shipped with the project."""
    folder = Path(os.environ.get("LSR_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no collections at {folder}; set LSR_DATA to the folder that holds them")
    return folder


@pytest.fixture
def evidence(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Say a figure that stands at the end of the test run, whichever process ran the test."""
    return lambda line: record_property("evidence", line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    passed = terminalreporter.getreports("passed")
    lines = [line for one in passed for name, line in one.user_properties if name == "evidence"]
    if lines:
        terminalreporter.section("evidence")
    for line in sorted(map(str, lines)):
        terminalreporter.write_line(line)
