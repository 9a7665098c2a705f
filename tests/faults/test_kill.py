"""A process killed at any operation on the disk leaves the old commit or the new one."""

import os
import shutil
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from child import in_child
from fault_scenarios import SCENARIOS, Scenario, assert_next_writer_tidies_up, is_at
from faulty_disk import CountingDisk, KillingDisk, disk_replaced
from lsr.index import is_index, read_manifest, storage
from lsr.index.storage import Disk

# Forking is safe: the child is one thread that never returns to pytest.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),
]

SMALL_WRITES = 200
"""Bytes gathered to a write, so that files take several, as large ones do."""


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)
def test_the_index_survives(
    scenario: Scenario,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    evidence: Callable[[str], None],
) -> None:
    monkeypatch.setattr(storage, "BUFFER_BYTES", SMALL_WRITES)
    scenario.prepare(tmp_path / "start")
    start = tmp_path / "start" / scenario.index
    n_commits = read_manifest(start).commit if is_index(start) else 0
    shutil.copytree(tmp_path / "start", tmp_path / "counted")
    counting = CountingDisk()
    with disk_replaced(counting):
        scenario.change(tmp_path / "counted", lambda: None)
    assert is_at(tmp_path / "counted" / scenario.index, scenario.after)
    points = [(number, False) for number in range(counting.n_operations)]
    points += [(n, True) for n, one in enumerate(counting.operations) if one == "write"]

    states: list[str] = []
    for number, is_torn in points:
        folder = tmp_path / "killed"
        shutil.copytree(tmp_path / "start", folder)
        disk = KillingDisk(number, is_torn=is_torn)

        acknowledged, ended = in_child(partial(_change, scenario, folder, disk))

        assert ended == -signal.SIGKILL, f"operation {number} was not reached"
        states.append(_state(scenario, folder, n_commits, acknowledged == b"!"))
        shutil.rmtree(folder)
    evidence(
        f"kill points, {scenario.name}: {len(states)}/{len(points)} ok, "
        f"{states.count('old')} at the old commit, {states.count('new')} at the new"
    )


def _change(scenario: Scenario, folder: Path, disk: Disk, pipe: int) -> None:
    with disk_replaced(disk):
        scenario.change(folder, partial(os.write, pipe, b"!"))


def _state(scenario: Scenario, folder: Path, n_commits: int, acknowledged: bool) -> str:
    """Say at which commit the index is, having compared all that it holds with that commit."""
    path = folder / scenario.index
    is_new = is_index(path) and read_manifest(path).commit > n_commits
    assert is_new or not acknowledged
    model = scenario.after if is_new else scenario.before
    assert is_at(path, model)
    assert_next_writer_tidies_up(path, model)
    return "new" if is_new else "old"
