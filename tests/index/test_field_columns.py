from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lsr.index.field_columns as module
from filter_strategies import FIELDS, values_of_a_document
from lsr.documents import Document
from lsr.errors import CorruptIndexError, DiskFullError, InvalidInputError
from lsr.index.field_columns import FieldColumns, FieldColumnsWriter
from lsr.index.fields import FieldKind, Fields, Value
from lsr.index.filter_parsing import parse_filter
from lsr.index.filters import matching

Rows = list[dict[str, Value]]


@pytest.fixture(scope="module", autouse=True)
def small_batches() -> Iterable[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BATCH_DOCS", 3)
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


def _rows(columns: FieldColumns) -> Rows:
    return [row for batch in columns.batches for row in batch.to_pylist()]


_ROWS = st.lists(values_of_a_document, max_size=8)


@given(_ROWS, _ROWS)
@settings(deadline=None)
def test_values_are_read_as_they_were_written(folder: Path, first: Rows, second: Rows) -> None:
    columns = _written(folder / "a.fields.arrow", first, second)

    assert _rows(columns) == first + second
    assert all(0 < batch.num_rows <= 3 for batch in columns.batches)


@given(_ROWS, _ROWS, _ROWS, st.randoms())
@settings(deadline=None)
def test_rows_of_several_segments_are_copied_in_any_order(
    folder: Path, first: Rows, second: Rows, new: Rows, chance: Random
) -> None:
    sources = [_written(folder / f"{n}.arrow", part) for n, part in enumerate((first, second))]
    rows = chance.sample(range(len(first + second)), chance.randint(0, len(first + second)))

    writer = FieldColumnsWriter(folder / "merged.arrow", FIELDS)
    writer.add(_documents(new))
    writer.copy(sources, np.array(rows, dtype=np.int64))
    entry = writer.close()

    merged = FieldColumns(folder / "merged.arrow", entry, FIELDS, len(new) + len(rows))
    assert _rows(merged) == new + [(first + second)[row] for row in rows]
    assert all(0 < batch.num_rows <= 3 for batch in merged.batches)


def test_copying_joins_small_batches(tmp_path: Path) -> None:
    row: dict[str, Value] = dict.fromkeys(FIELDS)
    sources = [_written(tmp_path / f"{number}.arrow", [row]) for number in range(6)]

    writer = FieldColumnsWriter(tmp_path / "merged.arrow", FIELDS)
    writer.copy(sources, np.arange(6))
    entry = writer.close()

    merged = FieldColumns(tmp_path / "merged.arrow", entry, FIELDS, 6)
    assert [batch.num_rows for batch in merged.batches] == [3, 3]


def test_a_refused_batch_leaves_nothing_behind(tmp_path: Path) -> None:
    fields = {"year": FieldKind.INT}
    writer = FieldColumnsWriter(tmp_path / "a.arrow", fields)

    with pytest.raises(InvalidInputError, match="the field 'year' is 'soon'"):
        writer.add(_documents([{"year": 1}, {"year": "soon"}]))
    writer.add(_documents([{"year": 2}]))
    entry = writer.close()

    assert _rows(FieldColumns(tmp_path / "a.arrow", entry, fields, 1)) == [{"year": 2}]


def test_columns_are_mapped_and_not_copied(tmp_path: Path) -> None:
    rows: Rows = [{"text": "x" * 100_000}] * 9
    columns = _written(tmp_path / "a.arrow", rows, fields={"text": FieldKind.STR})
    before = pa.total_allocated_bytes()

    assert sum(batch.nbytes for batch in columns.batches) > 900_000
    assert pa.total_allocated_bytes() - before < 100_000


@pytest.mark.parametrize(
    ("fields", "n_docs", "message"),
    [
        ({"year": FieldKind.INT}, 3, "a.arrow is damaged: it has 2 rows where 3 belong"),
        ({"year": FieldKind.FLOAT}, 2, "a.arrow is damaged: it does not hold the declared fields"),
        ({"lang": FieldKind.INT}, 2, "a.arrow is damaged: it does not hold the declared fields"),
    ],
)
def test_other_columns_than_expected_are_refused(
    tmp_path: Path, fields: Fields, n_docs: int, message: str
) -> None:
    writer = FieldColumnsWriter(tmp_path / "a.arrow", {"year": FieldKind.INT})
    writer.add(_documents([{"year": 1}, {"year": 2}]))
    columns = FieldColumns(tmp_path / "a.arrow", writer.close(), fields, n_docs)

    with pytest.raises(CorruptIndexError, match=message):
        _rows(columns)


def test_a_missing_or_shorter_file_is_found_at_opening(tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    writer = FieldColumnsWriter(path, FIELDS)
    writer.add(_documents([dict.fromkeys(FIELDS)]))
    entry = writer.close()

    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CorruptIndexError, match=r"a\.arrow has [\d,]+ bytes where"):
        FieldColumns(path, entry, FIELDS, 1)
    path.unlink()
    with pytest.raises(CorruptIndexError, match=r"a\.arrow is missing"):
        FieldColumns(path, entry, FIELDS, 1)


def test_no_flipped_byte_is_missed_and_none_ends_the_process(tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
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
    for place in range(len(content)):
        flipped = content[place] ^ (1 << place % 8)
        path.write_bytes(content[:place] + bytes([flipped]) + content[place + 1 :])
        with pytest.raises(CorruptIndexError, match=r"a\.arrow is damaged: its checksum"):
            _rows(FieldColumns(path, entry, FIELDS, 4))
        with suppress(CorruptIndexError):
            matching(wanted, FieldColumns(path, entry, FIELDS, 4, verify=False))
            n_read_unchecked += 1

    assert 0 < n_read_unchecked < len(content)


@pytest.mark.parametrize("n_docs", [10, 40])
def test_a_full_disk_is_said_so(
    tmp_path: Path, with_file_size_limit: Callable[[int], None], n_docs: int
) -> None:
    # Ten documents reach the disk when the file is finished, forty before.
    documents = _documents([{"text": "x" * 50_000}] * n_docs)
    with_file_size_limit(100_000)

    writer = FieldColumnsWriter(tmp_path / "a.arrow", {"text": FieldKind.STR})
    with pytest.raises(DiskFullError, match=r"The disk is full: .*a\.arrow"):
        writer.add(documents)
        writer.close()
    writer.abandon()
