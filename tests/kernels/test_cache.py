from pathlib import Path

import numba
import pytest

from lsr.kernels import _cache as subject


def test_folder_changes_with_the_source_of_any_kernel(
    tmp_path: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "FOLDER", tmp_path)
    (tmp_path / "a.py").write_text("one")  # type: ignore[operator]
    before = subject.cache_folder()

    (tmp_path / "b.py").write_text("two")  # type: ignore[operator]

    assert subject.cache_folder() != before


def test_folder_changes_with_the_source_of_a_kernel_in_a_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "FOLDER", tmp_path)
    before = subject.cache_folder()

    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "a.py").write_text("one")

    assert subject.cache_folder() != before


def test_leaves_the_users_folder_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", "/chosen")

    with subject.keyed_cache():
        assert numba.config.CACHE_DIR == "/chosen"


def test_restores_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")

    with subject.keyed_cache():
        assert str(subject.cache_folder()) == numba.config.CACHE_DIR

    assert numba.config.CACHE_DIR == ""
