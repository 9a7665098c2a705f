"""Nothing changes an index past `lsr.index.storage`, so the other fault tests miss nothing."""

import os
import sys
from collections import Counter
from functools import partial
from pathlib import Path

import msgspec
import pytest

from child import in_child
from fault_scenarios import SCENARIOS, Scenario
from faulty_disk import CountingDisk, disk_replaced

# What Python reports of each operation, whichever library asks for it.
EVENTS = {
    "os.rename": "rename",
    "os.link": "link",
    "os.remove": "unlink",
    "os.mkdir": "make_folder",
    "os.rmdir": "remove_folder",
    "os.truncate": "truncate",
    "os.symlink": "symlink",
    "shutil.move": "move",
    "shutil.copyfile": "copy",
}


def _watch(scenario: Scenario, folder: Path, pipe: int) -> None:
    """Make the change, and write what the interpreter saw and what the disk was asked for."""
    seen: Counter[str] = Counter()

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        path = str(arguments[0]) if arguments else ""
        # The lock file belongs to filelock, which also asks for the folder that is there.
        if not path.startswith(str(folder)) or path.endswith("write.lock"):
            return
        if event == "open":
            is_changing = int(str(arguments[2])) & (os.O_WRONLY | os.O_RDWR)
            seen["create"] += bool(is_changing)
        elif event in EVENTS and not (event == "os.mkdir" and Path(path).exists()):
            seen[EVENTS[event]] += 1

    disk = CountingDisk()
    sys.addaudithook(hook)
    with disk_replaced(disk):
        scenario.change(folder, lambda: None)
    os.write(pipe, msgspec.json.encode((dict(seen), Counter(disk.operations))))


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)
def test_all_changes_pass_the_seam(scenario: Scenario, tmp_path: Path) -> None:
    scenario.prepare(tmp_path / "run")

    written, ended = in_child(partial(_watch, scenario, tmp_path / "run"))

    assert ended == 0
    seen, asked = msgspec.json.decode(written, type=tuple[dict[str, int], dict[str, int]])
    assert seen
    # Writes and syncs need a file that was opened, and opening is seen.
    for operation in ("write", "sync", "sync_folder"):
        asked.pop(operation)
    assert asked == seen
