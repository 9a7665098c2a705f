"""`lsr info` and `lsr verify`, and what they share."""

import json
from pathlib import Path

from command import lsr


def test_info_is_readable(indexed: Path) -> None:
    done = lsr("info", "--index", "idx", cwd=indexed)

    assert done.code == 0
    assert "documents   3 (segments: 1, deleted: 0)" in done.stdout
    assert "bytes a posting" in done.stdout


def test_verify_finds_a_sound_index_sound(indexed: Path) -> None:
    done = lsr("verify", "--index", "idx", "--json", cwd=indexed)

    assert done.code == 0
    found = json.loads(done.stdout)
    assert found["sound"] is True
    assert len(found["parts"]) == 3


def test_version() -> None:
    assert lsr("--version").stdout == "lsr-engine 0.1.0\n"
