"""One cluster for all tests of this folder that need one."""

from collections.abc import Iterator
from typing import Any

import pytest

from ray_cluster import joined_cluster


@pytest.fixture(scope="package")
def cluster() -> Iterator[Any]:
    """Two raylets that this process has joined."""
    with joined_cluster() as started:
        yield started
