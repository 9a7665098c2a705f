from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsr.errors import CorruptIndexError, FormatVersionError
from lsr.index.array_file import damaged_arrays, read_arrays, write_arrays

ARRAYS: dict[str, np.ndarray] = {
    "indptr": np.array([0, 3, 2**40], dtype=np.int64),
    "impacts": np.array([1, 255], dtype=np.uint8),
    "nothing": np.array([], dtype=np.uint32),
    "hashes": np.array([2**64 - 1], dtype=np.uint64),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "x.arrays"
    write_arrays(path, ARRAYS)
    return path


def test_reads_what_was_written(file: Path) -> None:
    found = read_arrays(file, file.stat().st_size)

    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_arrays_are_mapped_read_only_and_aligned(file: Path) -> None:
    array = read_arrays(file, file.stat().st_size)["hashes"]

    assert not array.flags.writeable
    assert array.ctypes.data % 64 == 0


def test_names_the_damaged_array(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[content.index(b"\xff" * 8)] ^= 1
    file.write_bytes(content)

    assert damaged_arrays(file, len(content)) == ["hashes"]


def test_refuses_a_newer_version(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[8] = 2
    file.write_bytes(content)

    with pytest.raises(FormatVersionError, match="has format version 2"):
        read_arrays(file, len(content))


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_only_index_errors(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "x.arrays"
    path.write_bytes(content)

    with pytest.raises((CorruptIndexError, FormatVersionError)):
        read_arrays(path, len(content))


@given(st.data())
def test_a_flipped_byte_of_the_head_is_found(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("flip") / "x.arrays"
    write_arrays(path, ARRAYS)
    content = bytearray(path.read_bytes())
    head = 32 + int.from_bytes(content[12:16], "little")
    content[data.draw(st.integers(0, head - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)

    with pytest.raises((CorruptIndexError, FormatVersionError)):
        read_arrays(path, len(content))
