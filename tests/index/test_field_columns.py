import json
import re
import struct
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lsr.index.field_columns as module
from filter_strategies import FIELDS, values_of_a_document
from lsr.documents import Document
from lsr.errors import (
    CorruptIndexError,
    DiskFullError,
    FormatVersionError,
    InvalidInputError,
)
from lsr.index.array_file import read_arrays
from lsr.index.coded_column import CodedColumn
from lsr.index.field_columns import FieldColumns, FieldColumnsWriter
from lsr.index.fields import FieldKind, Fields, Value
from lsr.index.filter_parsing import parse_filter
from lsr.index.filters import matching

Rows = list[dict[str, Value]]


@pytest.fixture(scope="module", autouse=True)
def small_chunks() -> Iterable[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK_DOCS", 3)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("columns")


def _documents(rows: Rows) -> list[Document]:
    return [Document(str(number), metadata=row) for number, row in enumerate(rows)]


def _written(path: Path, *parts: Rows, fields: Fields = FIELDS) -> FieldColumns:
    writer = FieldColumnsWriter(path, fields)
    for part in parts:
        writer.add(_documents(part))
    return FieldColumns(path, writer.close(), fields, sum(map(len, parts)))


def _rows(columns: FieldColumns, fields: Fields = FIELDS) -> Rows:
    """Read the documents' values one by one, as the format says."""
    return [
        {name: _value(chunk.column(name), row) for name in fields}
        for chunk in columns.chunks
        for row in range(chunk.n_docs)
    ]


def _value(column: CodedColumn, row: int) -> Any:
    if column.ends is None:
        code = int(column.codes[row])
        return column.values[code - 1] if code else None
    begin = int(column.ends[row - 1]) if row else 0
    codes = column.codes[begin : int(column.ends[row])].tolist()
    return [column.values[code - 1] for code in codes] or None


def _columns_of(columns: FieldColumns) -> list[CodedColumn]:
    return [chunk.column(name) for chunk in columns.chunks for name in FIELDS]


def _is_sound(column: CodedColumn) -> bool:
    """Say whether the values rise, and all of them occur."""
    values = [column.values[place] for place in range(len(column.values))]
    codes = set(column.codes.tolist()) - {0}
    return values == sorted(set(values)) and codes == set(range(1, len(values) + 1))


_ROWS = st.lists(values_of_a_document, max_size=8)


@given(_ROWS, _ROWS)
@settings(deadline=None)
def test_values_are_read_as_they_were_written(folder: Path, first: Rows, second: Rows) -> None:
    columns = _written(folder / "a.arrays", first, second)

    assert _rows(columns) == first + second
    assert all(_is_sound(column) for column in _columns_of(columns))


@given(_ROWS, _ROWS, _ROWS, st.randoms())
@settings(deadline=None)
def test_rows_of_several_segments_are_copied_in_any_order(
    folder: Path, first: Rows, second: Rows, new: Rows, chance: Random
) -> None:
    sources = [_written(folder / f"{n}.arrays", part) for n, part in enumerate((first, second))]
    rows = chance.sample(range(len(first + second)), chance.randint(0, len(first + second)))

    writer = FieldColumnsWriter(folder / "merged.arrays", FIELDS)
    writer.add(_documents(new))
    writer.copy(sources, np.array(rows, dtype=np.int64))
    entry = writer.close()

    merged = FieldColumns(folder / "merged.arrays", entry, FIELDS, len(new) + len(rows))
    assert _rows(merged) == new + [(first + second)[row] for row in rows]
    assert all(_is_sound(column) for column in _columns_of(merged))


def test_a_whole_chunk_is_copied_in_the_order_asked_for(tmp_path: Path) -> None:
    fields = {"year": FieldKind.INT}
    source = _written(tmp_path / "a.arrays", [{"year": n} for n in range(3)], fields=fields)

    writer = FieldColumnsWriter(tmp_path / "b.arrays", fields)
    writer.copy([source, source], np.array([2, 0, 1, 3, 4, 5]))
    copied = FieldColumns(tmp_path / "b.arrays", writer.close(), fields, 6)

    assert [row["year"] for row in _rows(copied, fields)] == [2, 0, 1, 0, 1, 2]


def test_a_chunk_keeps_no_value_that_no_document_has(tmp_path: Path) -> None:
    rows: Rows = [{"text": f"t{number}", "tags": [f"t{number}"]} for number in range(3)]
    fields = {"text": FieldKind.STR, "tags": FieldKind.TAGS}
    source = _written(tmp_path / "a.arrays", rows, fields=fields)

    writer = FieldColumnsWriter(tmp_path / "b.arrays", fields)
    writer.copy([source], np.array([0, 2]))
    copied = FieldColumns(tmp_path / "b.arrays", writer.close(), fields, 2)

    assert _rows(copied, fields) == [rows[0], rows[2]]
    assert b"t1" not in (tmp_path / "b.arrays").read_bytes()


def test_the_worked_example_of_the_format_is_what_is_written(tmp_path: Path) -> None:
    fields = {"lang": FieldKind.STR, "tags": FieldKind.TAGS}
    path = tmp_path / "a.arrays"
    writer = FieldColumnsWriter(path, fields)
    writer.add(_documents([{"lang": "en", "tags": ["b", "a"]}, {}, {"lang": "de", "tags": ["a"]}]))

    arrays = {name: one.tolist() for name, one in read_arrays(path, writer.close()).items()}

    assert arrays == {
        "0/lang/codes": [2, 0, 1],
        "0/lang/value_offsets": [0, 2, 4],
        "0/lang/value_bytes": list(b"deen"),
        "0/tags/codes": [2, 1, 1],
        "0/tags/value_offsets": [0, 1, 2],
        "0/tags/value_bytes": list(b"ab"),
        "0/tags/ends": [2, 2, 3],
    }


def test_a_refused_batch_leaves_nothing_behind(tmp_path: Path) -> None:
    fields = {"year": FieldKind.INT}
    writer = FieldColumnsWriter(tmp_path / "a.arrays", fields)

    with pytest.raises(InvalidInputError, match="the field 'year' is 'soon'"):
        writer.add(_documents([{"year": 1}, {"year": "soon"}]))
    writer.add(_documents([{"year": 2}]))
    entry = writer.close()

    assert _rows(FieldColumns(tmp_path / "a.arrays", entry, fields, 1), fields) == [{"year": 2}]


def test_columns_are_mapped_and_not_copied(tmp_path: Path) -> None:
    columns = _written(tmp_path / "a.arrays", [{"year": 7}] * 3, fields={"year": FieldKind.INT})

    column = columns.chunks[0].column("year")

    assert isinstance(column.values, np.ndarray)
    for array in (column.values, column.codes):
        owner: object = array
        while isinstance(owner, np.ndarray) and type(owner) is not np.memmap:
            owner = owner.base
        assert isinstance(owner, np.memmap)


def test_a_filter_checks_the_columns_that_it_names_alone(tmp_path: Path) -> None:
    fields = {"year": FieldKind.INT, "text": FieldKind.STR}
    path = tmp_path / "a.arrays"
    writer = FieldColumnsWriter(path, fields)
    writer.add(_documents([{"year": 1, "text": "damaged"}]))
    entry = writer.close()
    path.write_bytes(path.read_bytes().replace(b"damaged", b"changed"))

    columns = FieldColumns(path, entry, fields, 1)

    assert matching(parse_filter("year = 1", fields), columns).all()
    with pytest.raises(CorruptIndexError, match="is damaged in 0/text/value_bytes, bytes 0 to 6"):
        matching(parse_filter("text = 'x'", fields), columns)


@pytest.mark.parametrize(
    ("fields", "n_docs", "message"),
    [
        ({"year": FieldKind.INT}, 3, "the declared fields of 3 documents"),
        ({"year": FieldKind.INT}, 7, "the declared fields of 7 documents"),
        ({"year": FieldKind.FLOAT}, 2, "the declared fields of 2 documents"),
        ({"year": FieldKind.TAGS}, 2, "the declared fields of 2 documents"),
        ({"lang": FieldKind.INT}, 2, "the declared fields of 2 documents"),
        ({"year": FieldKind.INT, "lang": FieldKind.STR}, 2, "the declared fields of 2 documents"),
    ],
)
def test_other_columns_than_expected_are_refused(
    tmp_path: Path, fields: Fields, n_docs: int, message: str
) -> None:
    writer = FieldColumnsWriter(tmp_path / "a.arrays", {"year": FieldKind.INT})
    writer.add(_documents([{"year": 1}, {"year": 2}]))
    columns = FieldColumns(tmp_path / "a.arrays", writer.close(), fields, n_docs)

    with pytest.raises(CorruptIndexError, match="a.arrays is damaged: it does not hold " + message):
        _rows(columns, fields)


def test_a_missing_or_shorter_file_is_found_at_opening(tmp_path: Path) -> None:
    path = tmp_path / "a.arrays"
    writer = FieldColumnsWriter(path, FIELDS)
    writer.add(_documents([dict.fromkeys(FIELDS)]))
    entry = writer.close()

    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CorruptIndexError, match=r"a\.arrays has [\d,]+ bytes where"):
        FieldColumns(path, entry, FIELDS, 1)
    path.unlink()
    with pytest.raises(CorruptIndexError, match=r"a\.arrays is missing"):
        FieldColumns(path, entry, FIELDS, 1)


def _used_places(content: bytes) -> list[int]:
    """Return the places of all bytes but the zeros that align arrays."""
    end, n_checksums = struct.unpack("<QQ", content[-24:-8])
    places = [*range(16), *range(end, len(content))]
    for entry in json.loads(content[end + 8 * n_checksums : -24]):
        size = entry["length"] * np.dtype(entry["dtype"]).itemsize
        places += range(entry["offset"], entry["offset"] + size)
    return places


def test_no_flipped_byte_is_missed_and_none_ends_the_process(tmp_path: Path) -> None:
    path = tmp_path / "a.arrays"
    values: dict[str, Value] = {
        "lang": "en",
        "year": 2020,
        "price.eur": 1.5,
        "is-open": True,
        "topics": ["a", "b"],
    }
    writer = FieldColumnsWriter(path, FIELDS)
    writer.add(_documents([values] * 4))
    entry = writer.close()
    content = path.read_bytes()
    wanted = parse_filter("lang = 'en' or topics in ('a', 'x')", FIELDS)

    n_read_unchecked = 0
    places = _used_places(content)[::3]
    for place in places:
        flipped = content[place] ^ (1 << place % 8)
        path.write_bytes(content[:place] + bytes([flipped]) + content[place + 1 :])
        with pytest.raises((CorruptIndexError, FormatVersionError), match=re.escape(str(path))):
            _rows(FieldColumns(path, entry, FIELDS, 4))
        with suppress(CorruptIndexError, FormatVersionError):
            matching(wanted, FieldColumns(path, entry, FIELDS, 4, verify=False))
            n_read_unchecked += 1

    assert 0 < n_read_unchecked < len(places)


@pytest.mark.parametrize("n_docs", [10, 40])
def test_a_full_disk_is_said_so(
    tmp_path: Path, with_file_size_limit: Callable[[int], None], n_docs: int
) -> None:
    # Ten documents reach the disk when the file is finished, forty before.
    documents = _documents([{"text": "x" * 50_000}] * n_docs)
    with_file_size_limit(100_000)

    writer = FieldColumnsWriter(tmp_path / "a.arrays", {"text": FieldKind.STR})
    with pytest.raises(DiskFullError, match=r"The disk is full: .*a\.arrays"):
        writer.add(documents)
        writer.close()
    writer.abandon()
