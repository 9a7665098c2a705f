"""How are CSV and TSV read? With a header that names an id, or as two columns without one."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from itertools import chain

from lsr.corpus.opening import MAX_LINE_BYTES, lines
from lsr.corpus.records import Record, RecordForm, Report, read_record
from lsr.documents import ID_FIELDS
from lsr.errors import InvalidInputError

Row = tuple[str, list[str]]
"""Place and cells."""


def csv_records(
    contents: Iterable[bytes], name: str, form: RecordForm, report: Report
) -> Iterator[Record]:
    """Yield the rows of a comma-separated table; its first row must name the columns."""
    rows = _csv_rows(contents, name, report)
    first = next(rows, None)
    if first is None:
        return
    place, header = first
    if not _names_an_id(header):
        raise InvalidInputError(
            f"{place}: the first row names none of the columns {', '.join(ID_FIELDS)}; "
            "begin the file with a row such as id,title,text."
        )
    _check_header(header, place, form)
    yield from _records(rows, header, form, report)


def tsv_records(
    contents: Iterable[bytes], name: str, form: RecordForm, report: Report
) -> Iterator[Record]:
    """Yield the rows of a tab-separated table, in which a quotation mark is a plain character.

    Without a first row that names an id, each row must be an id and a text.
    """
    rows: Iterator[Row] = _tsv_rows(contents, name, report)
    first = next(rows, None)
    if first is None:
        return
    place, header = first
    if _names_an_id(header):
        _check_header(header, place, form)
    else:
        rows, header = chain([first], rows), ["id", "text"]
    yield from _records(rows, header, form, report)


def _records(
    rows: Iterable[Row], header: list[str], form: RecordForm, report: Report
) -> Iterator[Record]:
    for place, cells in rows:
        try:
            if len(cells) != len(header):
                raise InvalidInputError(
                    f"{place}: the row has {len(cells)} columns, but {len(header)} are expected: "
                    f"{', '.join(header)}; add or remove a delimiter."
                )
            size = sum(map(len, cells))
            record = read_record(dict(zip(header, cells, strict=True)), place, form, size)
        except InvalidInputError as error:
            report(error)
        else:
            yield record


def _tsv_rows(contents: Iterable[bytes], name: str, report: Report) -> Iterator[Row]:
    for number, line in lines(contents, name):
        place = f"{name}:{number}"
        if line.strip():
            yield from _decoded(place, line.removesuffix(b"\r").split(b"\t"), report)


def _csv_rows(contents: Iterable[bytes], name: str, report: Report) -> Iterator[Row]:
    # The module's own limit, 128 KiB a field, is one setting for the whole process: only raise it.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE_BYTES))
    numbered = lines(contents, name)
    place, size = "", 0

    def text_lines() -> Iterator[str]:
        nonlocal size
        for _, line in numbered:
            size += len(line)
            if size > MAX_LINE_BYTES:
                raise InvalidInputError(
                    f"{place}: the row is longer than {MAX_LINE_BYTES >> 20} MiB; is a quotation "
                    "mark not closed?"
                )
            # Latin-1 carries any bytes through the parser, which only looks at ASCII.
            yield line.decode("latin-1") + "\n"

    reader = csv.reader(text_lines(), strict=True)
    while True:
        place, size = f"{name}:{reader.line_num + 1}", 0
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            report(InvalidInputError(f"{place}: malformed CSV ({error}); correct the quoting."))
        else:
            if cells:
                yield from _decoded(place, [cell.encode("latin-1") for cell in cells], report)


def _decoded(place: str, cells: list[bytes], report: Report) -> Iterator[Row]:
    try:
        texts = [cell.decode() for cell in cells]
    except UnicodeDecodeError:
        report(
            InvalidInputError(
                f"{place}: the row is not valid UTF-8; convert the file, with iconv for example."
            )
        )
    else:
        yield place, texts


def _names_an_id(cells: list[str]) -> bool:
    return any(cell in ID_FIELDS for cell in cells)


def _check_header(header: list[str], place: str, form: RecordForm) -> None:
    repeated = next((column for column in header if header.count(column) > 1), None)
    if repeated is not None:
        raise InvalidInputError(f"{place}: the column {repeated!r} occurs twice; rename one.")
    if not set(header) & set(form.text_fields):
        raise InvalidInputError(
            f"{place}: none of the columns is called {', '.join(form.text_fields)}; rename the "
            "one that holds the text."
        )
