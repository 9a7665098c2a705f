"""Fixtures that several test folders share."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real collections, which cannot be shipped with the project."""
    folder = Path(os.environ.get("LSR_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no collections at {folder}; set LSR_DATA to the folder that holds them")
    return folder
