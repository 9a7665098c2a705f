from pathlib import Path

import pytest

import lsr.interchange.parts
from lsr.interchange.parts import write_parts


def written(folder: Path) -> list[bytes]:
    return [one.read_bytes() for one in sorted(folder.iterdir())]


def test_files_are_as_large_as_allowed_and_no_item_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lsr.interchange.parts, "PART_BYTES", 10)
    items = [b"aaa", b"bbbb", b"cc", b"x" * 20, b"d"]

    write_parts(tmp_path, "p-{}.json", iter(items), head=b"[", separator=b",", tail=b"]")

    assert written(tmp_path) == [b"[aaa,bbbb]", b"[cc]", b"[" + b"x" * 20 + b"]", b"[d]"]
    assert sorted(one.name for one in tmp_path.iterdir())[1] == "p-00001.json"


def test_nothing_is_a_file_too(tmp_path: Path) -> None:
    write_parts(tmp_path, "p-{}.json", iter([]), head=b"[", tail=b"]")

    assert written(tmp_path) == [b"[]"]
