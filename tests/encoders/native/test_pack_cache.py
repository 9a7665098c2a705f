import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lsr.encoders import Backend, Precision, load_encoder
from lsr.encoders.native import loading, pack_cache
from lsr.encoders.native.pack_cache import FOLDER, PackCache
from lsr.kernels.transformer import PackedMatrix, VocabularyFilter, pack_filter, pack_matrix
from lsr.sparse import SparseBatch

WEIGHT = np.random.default_rng(1).normal(size=(13, 7)).astype(np.float32)
BIAS = np.arange(13, dtype=np.float32)


@pytest.fixture(autouse=True)
def user_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(loading, "LEAST_CACHED", 0)
    return tmp_path / "cache" / "lsr" / "packs"


@pytest.fixture
def model(spoilt_copy: Callable[[], Path]) -> Path:
    return spoilt_copy()


def vectors(model: Path, precision: Precision = Precision.FLOAT32) -> SparseBatch:
    encoder = load_encoder(str(model), precision=precision, backend=Backend.NATIVE)
    return encoder.encode_documents(["the garden by the river", "water"])


def packs(model: Path) -> list[Path]:
    return sorted((model / FOLDER).glob("*"))


def kept(folder: Path) -> tuple[PackedMatrix, VocabularyFilter, list[str]]:
    made = []

    def matrix() -> PackedMatrix:
        made.append("matrix")
        return pack_matrix(WEIGHT, BIAS)

    def head() -> VocabularyFilter:
        made.append("head")
        return pack_filter(WEIGHT, BIAS)

    with PackCache(folder, "both", "content") as cache:
        return cache.get("m", PackedMatrix, matrix), cache.get("h", VocabularyFilter, head), made


def test_what_is_kept_is_what_was_made(tmp_path: Path) -> None:
    matrix, head, made = kept(tmp_path)
    assert made == ["matrix", "head"]

    again, head_again, made = kept(tmp_path)

    assert made == []
    old_arrays: list[NDArray[Any]] = [*matrix, *head]
    new_arrays: list[NDArray[Any]] = [*again, *head_again]
    for old, new in zip(old_arrays, new_arrays, strict=True):
        np.testing.assert_array_equal(old, new)
        assert old.dtype == new.dtype
        assert new.ctypes.data % pack_cache.ALIGNMENT == 0
        assert not new.flags.writeable


@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.INT8])
def test_a_model_loaded_from_its_pack_gives_the_same_bits(
    model: Path, precision: Precision
) -> None:
    first = vectors(model, precision)
    assert len(packs(model)) == 1

    second = vectors(model, precision)

    np.testing.assert_array_equal(first.terms, second.terms)
    np.testing.assert_array_equal(first.weights, second.weights)


def test_each_precision_has_its_own_pack(model: Path) -> None:
    for precision in (Precision.FLOAT32, Precision.INT8):
        vectors(model, precision)

    assert [pack.name.partition("-")[0] for pack in packs(model)] == ["float32", "int8"]


def test_other_weights_have_another_pack(model: Path, tiny_models: dict[str, Path]) -> None:
    vectors(model)
    (before,) = packs(model)
    weights = bytearray((model / "model.safetensors").read_bytes())
    weights[-1] ^= 0x01  # a float's sign and exponent stand in its last byte
    (model / "model.safetensors").write_bytes(weights)

    vectors(model)

    (after,) = packs(model)
    assert after != before


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "header"])
def test_a_damaged_pack_is_made_again_with_a_warning(
    model: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    expected = vectors(model)
    (pack,) = packs(model)
    whole = pack.read_bytes()
    middle = len(whole) // 2
    damaged = {
        "flip": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        "cut": whole[:-1],
        "empty": b"",
        "header": whole[:8] + b"[" + whole[9:],
    }
    pack.write_bytes(damaged[damage])

    with caplog.at_level(logging.WARNING):
        found = vectors(model)

    assert f"The packed weights in {pack} are damaged" in caplog.text
    np.testing.assert_array_equal(found.weights, expected.weights)
    assert pack.read_bytes() == whole


def test_a_model_that_cannot_be_written_beside_is_packed_in_the_users_folder(
    model: Path, user_folder: Path
) -> None:
    (model / FOLDER).touch()  # as impossible to write into as a folder without permission

    expected = vectors(model)

    (pack,) = user_folder.iterdir()
    stamp = pack.stat().st_mtime_ns
    np.testing.assert_array_equal(vectors(model).weights, expected.weights)
    assert pack.stat().st_mtime_ns == stamp


def test_a_cache_that_cannot_be_kept_is_no_error(model: Path, user_folder: Path) -> None:
    (model / FOLDER).touch()
    user_folder.parent.mkdir(parents=True)
    user_folder.touch()

    assert vectors(model).nnz > 0


def test_an_interrupted_write_leaves_nothing(
    model: Path, user_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(n_bytes: int) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pack_cache, "_gap", full)

    assert vectors(model).nnz > 0
    assert packs(model) == []
    assert list(user_folder.glob("*")) == []


def test_small_models_have_no_pack(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()

    vectors(model)

    assert packs(model) == []


def test_a_copied_model_takes_its_pack_along(model: Path, tmp_path: Path) -> None:
    vectors(model)
    copy = Path(shutil.copytree(model, tmp_path / "copy"))
    (pack,) = packs(copy)
    os.utime(pack, ns=(1, 1))

    vectors(copy)

    assert pack.stat().st_mtime_ns == 1
