"""A commit survives a power failure once it has returned; before, the last one does."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fault_scenarios import SCENARIOS, Scenario, is_at
from faulty_disk import disk_replaced
from lsr.index import is_index, read_manifest, storage
from power_loss import UnpluggedDisk, write_tree


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)
def test_commits_survive(
    scenario: Scenario,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    evidence: Callable[[str], None],
) -> None:
    monkeypatch.setattr(storage, "BUFFER_BYTES", 700)
    folder = tmp_path / "run"
    scenario.prepare(folder)
    path = folder / scenario.index
    n_commits = read_manifest(path).commit if is_index(path) else 0
    disk = UnpluggedDisk(folder, np.random.default_rng(len(scenario.name)))

    with disk_replaced(disk):
        scenario.change(folder, disk.acknowledge)

    distinct = {(tuple(sorted(tree.items())), is_durable) for tree, is_durable in disk.states}
    for items, is_durable in distinct:
        write_tree(dict(items), tmp_path / "after")
        path = tmp_path / "after" / scenario.index
        is_new = is_index(path) and read_manifest(path).commit > n_commits
        assert is_new or not is_durable
        assert is_at(path, scenario.after if is_new else scenario.before)
        shutil.rmtree(tmp_path / "after")
    evidence(f"power failures, {scenario.name}: {len(distinct)}/{len(distinct)} states ok")
