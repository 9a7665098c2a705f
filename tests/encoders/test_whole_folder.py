import errno
import os
from pathlib import Path

import pytest

from lsr.encoders.whole_folder import whole_folder
from lsr.errors import DiskFullError, InvalidInputError

MARK = Path("modules.json")


def write(folder: Path, text: str = "new") -> None:
    (folder / "modules.json").write_text(text)
    (folder / "part").mkdir()
    (folder / "part" / "config.json").write_text("{}")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_appears_at_the_end(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "parent" / "model") as draft:
        write(draft)
        assert not (tmp_path / "parent" / "model").exists()

    assert names(tmp_path / "parent") == ["model"]
    assert names(tmp_path / "parent" / "model") == ["modules.json", "part"]


def test_nothing_appears_when_the_block_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), whole_folder(tmp_path / "model") as draft:
        write(draft)
        raise ZeroDivisionError

    assert names(tmp_path) == []


def test_an_empty_folder_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()

    with whole_folder(tmp_path / "model") as draft:
        write(draft)

    assert names(tmp_path / "model") == ["modules.json", "part"]


def test_a_model_is_replaced_only_when_asked(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "modules.json").write_text("old")
    (folder / "extra").touch()

    with pytest.raises(InvalidInputError, match="model exists; choose another folder, or replace"):
        with whole_folder(folder):
            pass
    with whole_folder(folder, replace=MARK) as draft:
        write(draft)

    assert names(tmp_path) == ["model"]
    assert names(folder) == ["modules.json", "part"]
    assert (folder / "modules.json").read_text() == "new"


def test_the_old_model_stays_when_the_block_fails(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "modules.json").write_text("old")

    with pytest.raises(ZeroDivisionError), whole_folder(folder, replace=MARK):
        raise ZeroDivisionError

    assert (folder / "modules.json").read_text() == "old"
    assert names(tmp_path) == ["model"]


def test_what_is_no_model_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").touch()

    with pytest.raises(InvalidInputError, match="holds something that is not a model"):
        with whole_folder(tmp_path, replace=MARK):
            pass

    assert names(tmp_path) == ["letters.txt"]


@pytest.mark.parametrize(
    ("number", "kind", "message"),
    [
        (errno.ENOSPC, DiskFullError, "The disk is full: .*model could not be written"),
        (errno.EROFS, InvalidInputError, "model cannot be written: Read-only file system"),
    ],
)
def test_a_disk_that_fails_says_how(
    tmp_path: Path, number: int, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message), whole_folder(tmp_path / "model"):
        raise OSError(number, os.strerror(number))

    assert names(tmp_path) == []
