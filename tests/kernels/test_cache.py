from pathlib import Path

import numba
import pytest

from lsr.kernels import _cache as subject
from lsr.kernels._compile import kernel


def _double(number: int) -> int:
    return 2 * number


def test_folder_changes_with_the_source_of_any_kernel(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one")
    before = subject.cache_folder(tmp_path)

    (tmp_path / "b.py").write_text("two")

    assert subject.cache_folder(tmp_path) != before


def test_folder_changes_with_the_source_of_a_kernel_in_a_package(tmp_path: Path) -> None:
    before = subject.cache_folder(tmp_path)

    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "a.py").write_text("one")

    assert subject.cache_folder(tmp_path) != before


def test_leaves_the_users_folder_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", "/chosen")

    with subject.keyed_cache():
        assert numba.config.CACHE_DIR == "/chosen"


def test_restores_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")

    with subject.keyed_cache():
        assert str(subject.FOLDER) == numba.config.CACHE_DIR

    assert numba.config.CACHE_DIR == ""


def test_a_kernel_goes_to_the_keyed_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setattr(subject, "FOLDER", tmp_path / "keyed")

    made = kernel(_double)

    assert Path(made.stats.cache_path).is_relative_to(tmp_path / "keyed")
