"""Whichever operation on the disk fails, an error names the file and a commit stays whole."""

import errno
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fault_scenarios import (
    SCENARIOS,
    Scenario,
    assert_next_writer_tidies_up,
    created,
    is_at,
    model_of,
    record_of,
)
from faulty_disk import FailingDisk, disk_replaced
from lsr.errors import DiskFullError, IndexStorageError, UnsyncedError
from lsr.index import is_index, read_manifest, storage

KINDS = {
    "write": frozenset({"create", "write"}),
    "fsync": frozenset({"sync", "sync_folder"}),
    "name": frozenset({"rename", "link", "unlink", "make_folder", "remove_folder"}),
}
ERRORS = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC}


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)
def test_the_commit_before_stays(
    scenario: Scenario,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    evidence: Callable[[str], None],
) -> None:
    monkeypatch.setattr(storage, "BUFFER_BYTES", 1000)
    scenario.prepare(tmp_path / "start")
    n_failures = 0
    for operations in KINDS.values():
        for error in ERRORS.values():
            for is_lasting in (False, True):
                at = 0
                disk = FailingDisk(at, operations, error, is_lasting)
                while _fails(scenario, tmp_path, disk, caplog):
                    at += 1
                    disk = FailingDisk(at, operations, error, is_lasting)
                n_failures += at
    evidence(f"failing operations, {scenario.name}: {n_failures}/{n_failures} ok")


def _fails(
    scenario: Scenario, tmp_path: Path, disk: FailingDisk, caplog: pytest.LogCaptureFixture
) -> bool:
    """Run a scenario on a failing disk; say whether anything failed before it was through."""
    folder = tmp_path / "failed"
    shutil.copytree(tmp_path / "start", folder)
    path = folder / scenario.index
    n_commits = read_manifest(path).commit if is_index(path) else 0
    acknowledged: list[bool] = []

    raised = None
    caplog.clear()
    with disk_replaced(disk):
        try:
            scenario.change(folder, lambda: acknowledged.append(True))
        except IndexStorageError as error:
            raised = error

    if not raised:
        # Merging after a commit may be left for later.
        is_deferred = acknowledged and "segments were not merged" in caplog.text
        assert is_deferred or not disk.failed, "a failure was swallowed"
    else:
        assert disk.failed
        assert str(folder) in str(raised)
        if disk.error == errno.ENOSPC:
            assert isinstance(raised, DiskFullError)
    is_new = is_index(path) and read_manifest(path).commit > n_commits
    assert is_new or not acknowledged
    model = scenario.after if is_new else scenario.before
    assert is_at(path, model)
    assert_next_writer_tidies_up(path, model)
    shutil.rmtree(folder)
    return bool(disk.failed)


@pytest.mark.parametrize("step", ["commit", "merge"])
def test_after_a_failed_sync_the_writer_refuses_to_go_on(tmp_path: Path, step: str) -> None:
    """A second fsync succeeds although the first one has lost what was written."""
    path = tmp_path / "idx"
    with created(path).writer() as writer:
        for number in (0, 1):
            writer.add(record_of(number))
            writer.commit()

        writer.add(record_of(2))
        with disk_replaced(FailingDisk(0, KINDS["fsync"], errno.EIO, is_lasting=False)):
            with pytest.raises(UnsyncedError, match=r"forced to the disk: Input/output error\."):
                getattr(writer, step)()
        with pytest.raises(IndexStorageError, match=r"This writer failed before: .* open another"):
            writer.commit()

    assert is_at(path, model_of(0, 1))
    assert_next_writer_tidies_up(path, model_of(0, 1))
