import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lsr.errors import CorruptIndexError, FormatVersionError
from lsr.index.array_file import ArrayFileWriter, open_arrays, read_arrays, write_arrays
from lsr.index.checked_array import BLOCK_BYTES
from lsr.index.storage import FileEntry, checksum, map_file

ROOT = Path(__file__).parents[2]
ARRAYS: dict[str, NDArray[np.generic]] = {
    "indptr": np.array([0, 3, 2**40], dtype=np.int64),
    "impacts": np.array([1, 255], dtype=np.uint8),
    "nothing": np.array([], dtype=np.uint32),
    "hashes": np.array([2**64 - 1], dtype=np.uint64),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "x.arrays"


@pytest.fixture
def entry(file: Path) -> FileEntry:
    return write_arrays(file, ARRAYS)


def test_reads_what_was_written(file: Path, entry: FileEntry) -> None:
    found = read_arrays(file, entry)

    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_describes_the_file_that_it_wrote(tmp_path: Path) -> None:
    entry = write_arrays(tmp_path / "x.arrays", ARRAYS)

    content = map_file(tmp_path / "x.arrays", entry.size_bytes)
    assert (entry.name, entry.xxh3_64) == ("x.arrays", checksum(content))


@given(st.lists(st.integers(0, 3 * BLOCK_BYTES // 2), max_size=6), st.sampled_from(["u1", "u2"]))
@settings(deadline=None)
def test_pieces_give_the_same_file_as_the_whole(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], dtype: str
) -> None:
    folder = tmp_path_factory.mktemp("pieces")
    pieces = [np.arange(length, dtype=np.int64).astype(dtype) for length in lengths]
    whole = np.concatenate([np.zeros(0, dtype), *pieces])
    last = np.array([7], dtype=np.int64)
    entry = write_arrays(folder / "whole", {"grows": whole, "last": last})

    writer = ArrayFileWriter(folder / "pieces")
    writer.begin("grows", dtype)
    for piece in pieces:
        writer.append(piece)
    writer.begin("last", np.int64)
    writer.append(last)
    writer.close()

    assert (folder / "pieces").read_bytes() == (folder / "whole").read_bytes()
    np.testing.assert_array_equal(read_arrays(folder / "whole", entry)["grows"], whole)


def test_refuses_values_of_another_type(tmp_path: Path) -> None:
    writer = ArrayFileWriter(tmp_path / "x")
    writer.begin("impacts", np.uint8)

    with pytest.raises(TypeError, match="Cannot cast"):
        writer.append(np.array([300]))
    writer.abandon()


def test_arrays_are_mapped_read_only_and_aligned(file: Path, entry: FileEntry) -> None:
    array = read_arrays(file, entry)["hashes"]

    assert not array.flags.writeable
    assert array.ctypes.data % 64 == 0


def test_a_damaged_block_is_named_when_it_is_used_and_only_then(tmp_path: Path) -> None:
    path = tmp_path / "x.arrays"
    values = np.arange(3 * BLOCK_BYTES, dtype=np.uint16)
    entry = write_arrays(path, {"first": values, "second": values})
    content = bytearray(path.read_bytes())
    content[content.rindex(values.tobytes()) + 2 * BLOCK_BYTES + 5] ^= 1
    path.write_bytes(content)
    arrays = open_arrays(path, entry)
    n = BLOCK_BYTES // 2

    arrays["first"].check()
    arrays["second"].check(0, 2 * n)
    arrays["second"].check(3 * n)
    arrays["second"].check_spans(np.array([0, 2 * n, 3 * n]), np.array([2 * n, 2 * n, 4 * n]))
    message = r"x\.arrays is damaged in second, bytes 32,768 to 49,151 of it"
    for _ in range(2):
        with pytest.raises(CorruptIndexError, match=message):
            arrays["second"].check(3 * n - 1, 3 * n)
        with pytest.raises(CorruptIndexError, match=message):
            arrays["second"].check_spans(np.array([2 * n]), np.array([2 * n + 1]))
        with pytest.raises(CorruptIndexError, match=message):
            arrays["second"].check()
    open_arrays(path, entry, verify=False)["second"].check()


def test_a_wholly_checked_array_is_not_hashed_again(file: Path, entry: FileEntry) -> None:
    array = open_arrays(file, entry)["indptr"]
    array.check()
    content = bytearray(file.read_bytes())
    content[64] ^= 1
    with file.open("r+b") as opened:
        opened.write(content)

    array.check()
    array.check_spans(np.array([0]), np.array([3]))


def test_refuses_a_sound_file_that_is_another(file: Path, entry: FileEntry) -> None:
    other = write_arrays(file, {**ARRAYS, "hashes": np.array([7], dtype=np.uint64)})
    assert other.size_bytes == entry.size_bytes

    with pytest.raises(CorruptIndexError, match=r"x\.arrays is another file than the one that was"):
        open_arrays(file, entry)


def test_refuses_a_newer_version(file: Path, entry: FileEntry) -> None:
    content = bytearray(file.read_bytes())
    content[8] = 2
    file.write_bytes(content)

    with pytest.raises(FormatVersionError, match="has format version 2"):
        read_arrays(file, entry)


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_arbitrary_bytes_raise_only_index_errors(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "x.arrays"
    path.write_bytes(content)

    with pytest.raises((CorruptIndexError, FormatVersionError)):
        read_arrays(path, FileEntry(path.name, len(content), ""))


@given(st.data())
@settings(deadline=None)
def test_a_flipped_bit_outside_the_gaps_is_found(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("flip") / "x.arrays"
    entry = write_arrays(path, ARRAYS)
    content = bytearray(path.read_bytes())
    used = [
        *range(16),
        *range(64, 88),
        *range(128, 130),
        *range(192, 200),
        *range(256, entry.size_bytes),
    ]
    content[data.draw(st.sampled_from(used))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)

    with pytest.raises((CorruptIndexError, FormatVersionError)):
        read_arrays(path, entry)


def test_the_worked_example_of_the_format_is_what_is_written(tmp_path: Path) -> None:
    text = (ROOT / "docs/formats/index-v2.md").read_text()
    arrays: dict[str, NDArray[np.generic]] = {
        "doc_offsets": np.array([0, 1], dtype=np.uint16),
        "impacts": np.array([64, 128], dtype=np.uint8),
    }
    write_arrays(tmp_path / "x", arrays)

    content = (tmp_path / "x").read_bytes()
    assert f"make {len(content)} bytes" in text
    lines = re.findall(r"^ *(\d+)  ((?:[0-9a-f]{2} )+) ", text, re.MULTILINE)
    assert len(lines) == 8
    for place, written in lines:
        expected = bytes.fromhex(written)
        assert content[int(place) : int(place) + len(expected)] == expected
