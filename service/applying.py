"""How does a stream change an index? Line by line, in batches, each line with a result of its own.

A batch is refused as a whole before any of it is added. It is then halved until the documents that
cannot be added stand alone and say for themselves what is wrong with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import msgspec

from lsr.corpus.batches import batch_of_records
from lsr.corpus.json_lines import json_record
from lsr.corpus.records import DOCUMENT_FORM, Record
from lsr.documents import checked_id
from lsr.errors import ConfigError, InvalidInputError, LsrError, VocabularyMismatchError
from lsr.retrieval import Index, Writer
from lsr.service.problems import FieldError, Problem
from lsr.service.tasks import OnError

BATCH_DOCS = 256
"""Documents encoded together; the service can stop between two batches."""

BATCH_BYTES = 16 << 20

NumberedLine = tuple[int, bytes]

_OF_ITEMS = (InvalidInputError, ConfigError, VocabularyMismatchError)
"""Errors that one document causes; all others end the stream."""


def numbered_lines(file: BinaryIO) -> Iterator[NumberedLine]:
    """Yield the number, from 1, and the content of each line that is not blank."""
    for number, line in enumerate(file, 1):
        content = line.strip()
        if content:
            yield number, content


@dataclass(slots=True)
class ItemLog:
    """What became of the items of a stream.

    Attributes:
        file: gets a JSON line an item.
        on_error: whether an item that fails is an end to all.
        advance: told of each item that is done; raises to stop.
        problem_of: returns the problem that an error is to a client.
        counts: items by status.
    """

    file: BinaryIO
    on_error: OnError
    advance: Callable[[], None]
    problem_of: Callable[[LsrError], Problem]
    counts: dict[str, int] = field(default_factory=dict)

    def done(self, line: int, doc_id: str, status: str) -> None:
        """Take note of an item that was applied."""
        self._write({"line": line, "id": doc_id, "status": status})

    def failed(self, line: int, doc_id: str | None, error: LsrError) -> None:
        """Take note of an item that was not applied.

        Raises:
            Problem: nothing is to be kept when an item fails.
        """
        problem = self.problem_of(error)
        if self.on_error is OnError.FAIL:
            raise Problem(
                problem.status,
                problem.code,
                f"{problem.detail} Nothing of the stream was kept; correct the line, or send the "
                "stream with ?on_error=skip.",
                errors=[FieldError(f"line {line}", problem.detail)],
            ) from error
        self._write(
            {
                "line": line,
                "id": doc_id,
                "status": "failed",
                "code": problem.code,
                "detail": problem.detail,
            }
        )

    def _write(self, item: dict[str, Any]) -> None:
        self.file.write(msgspec.json.encode(item) + b"\n")
        self.counts[item["status"]] = self.counts.get(item["status"], 0) + 1
        self.advance()


def add_documents(
    index: Index, writer: Writer, lines: Iterable[NumberedLine], log: ItemLog
) -> None:
    """Add the documents of a stream; those whose id is in the index replace what has it.

    Args:
        index: its last commit.
        writer: of the same index.
        lines: records as `lsr index` reads them.
        log: hears what becomes of each.

    Raises:
        Problem: an item failed, and nothing is to be kept.
        LsrError: the index cannot be written.
    """
    held: list[tuple[int, Record]] = []
    size = 0
    for number, source in lines:
        try:
            record = json_record(source, f"line {number}", DOCUMENT_FORM)
        except InvalidInputError as error:
            log.failed(number, None, error)
            continue
        is_other = bool(held) and (held[0][1].vector is None) != (record.vector is None)
        if is_other or len(held) == BATCH_DOCS or size > BATCH_BYTES:
            _add(index, writer, held, log)
            held, size = [], 0
        held.append((number, record))
        size += len(source)
    _add(index, writer, held, log)


def delete_documents(writer: Writer, lines: Iterable[NumberedLine], log: ItemLog) -> None:
    """Delete the documents that a stream names.

    Args:
        writer: of the index.
        lines: ids, each a JSON string or an object with ``id``.
        log: hears what becomes of each.

    Raises:
        Problem: an item failed, and nothing is to be kept.
        LsrError: the index cannot be written.
    """
    for number, source in lines:
        doc_id = None
        try:
            doc_id = _named_id(source, f"line {number}")
            if not writer.delete(doc_id):
                raise InvalidInputError(
                    f"line {number}: the index has no document with the id {doc_id!r}."
                )
        except InvalidInputError as error:
            log.failed(number, doc_id, error)
        else:
            log.done(number, doc_id, "deleted")


def _add(index: Index, writer: Writer, held: list[tuple[int, Record]], log: ItemLog) -> None:
    if not held:
        return
    ids = [record.document.doc_id for _, record in held]
    try:
        writer.add(batch_of_records([record for _, record in held]), update=True)
    except _OF_ITEMS as error:
        if writer.has_failed:
            raise
        if len(held) == 1:
            log.failed(held[0][0], ids[0], error)
            return
        middle = len(held) // 2
        _add(index, writer, held[:middle], log)
        _add(index, writer, held[middle:], log)
        return
    for (number, _), doc_id in zip(held, ids, strict=True):
        # The snapshot is what the index was before the stream.
        is_known = index.searcher.doc_number(doc_id) is not None
        log.done(number, doc_id, "replaced" if is_known else "added")


def _named_id(source: bytes, place: str) -> str:
    try:
        value = msgspec.json.decode(source)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value = None
    if isinstance(value, dict) and value.keys() == {"id"}:
        value = value["id"]
    if isinstance(value, str):
        return checked_id(value, place)
    raise InvalidInputError(
        f'{place}: this is no id; write one a line, as "doc-1" or {{"id": "doc-1"}}.'
    )
