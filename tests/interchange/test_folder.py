from pathlib import Path

import pytest

from lsr.errors import InvalidInputError
from lsr.interchange.folder import RECORD_NAME, new_export, new_file


def make(path: Path, content: bytes, *, replace: bool = False) -> None:
    with new_export(path, replace=replace) as folder:
        (folder / "sub").mkdir()
        with new_file(folder / "sub" / "a") as file:
            file.write(content)
        with new_file(folder / RECORD_NAME) as file:
            file.write(b"{}")


def names(folder: Path) -> list[str]:
    return sorted(str(one.relative_to(folder)) for one in folder.rglob("*"))


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    with new_export(tmp_path / "out", replace=False) as folder:
        with new_file(folder / "a") as file:
            file.write(b"1")
        assert not (tmp_path / "out").exists()

    assert names(tmp_path) == ["out", "out/a"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()

    make(tmp_path / "out", b"1")

    assert (tmp_path / "out" / "sub" / "a").read_bytes() == b"1"


def test_an_error_leaves_nothing_behind_and_what_was_there_as_it_was(tmp_path: Path) -> None:
    make(tmp_path / "out", b"old")
    before = names(tmp_path)

    with pytest.raises(RuntimeError), new_export(tmp_path / "out", replace=True) as folder:
        with new_file(folder / "a") as file:
            file.write(b"new")
            raise RuntimeError

    assert names(tmp_path) == before
    assert (tmp_path / "out" / "sub" / "a").read_bytes() == b"old"


def test_only_an_export_is_replaced_and_only_on_demand(tmp_path: Path) -> None:
    make(tmp_path / "out", b"old")
    with pytest.raises(InvalidInputError, match=r"holds an export already.*--force"):
        make(tmp_path / "out", b"new")

    make(tmp_path / "out", b"new", replace=True)

    assert (tmp_path / "out" / "sub" / "a").read_bytes() == b"new"
    assert names(tmp_path) == ["out", f"out/{RECORD_NAME}", "out/sub", "out/sub/a"]


@pytest.mark.parametrize("is_file", [True, False])
def test_something_else_is_never_replaced(tmp_path: Path, is_file: bool) -> None:
    if is_file:
        (tmp_path / "out").write_text("mine")
    else:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "mine").touch()
    before = names(tmp_path)

    with pytest.raises(InvalidInputError, match="holds something that is not an export"):
        make(tmp_path / "out", b"new", replace=True)

    assert names(tmp_path) == before
