"""How do single records become batches? Bounded in number and bytes, vectors side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lsr.corpus.records import Record, Report, check_named_vector, convert_sound_rows
from lsr.documents import DocumentBatch
from lsr.errors import InvalidInputError
from lsr.sparse import batch_of_named_terms

MAX_BATCH_DOCUMENTS = 4096
MAX_BATCH_BYTES = 64 << 20


def grouped(records: Iterable[Record], report: Report) -> Iterator[DocumentBatch]:
    """Yield the records in batches; all of them, or none, must carry vectors."""
    has_vectors: bool | None = None
    held: list[Record] = []
    size = 0
    for record in records:
        if has_vectors is None:
            has_vectors = record.vector is not None
        if (record.vector is not None) != has_vectors:
            found, before = ("no", "have one") if has_vectors else ("a", "have none")
            report(
                InvalidInputError(
                    f"{record.document.place}: this record has {found} vector although those "
                    f"before it {before}; put texts and vectors into separate files."
                )
            )
            continue
        if len(held) == MAX_BATCH_DOCUMENTS or (
            held and size + record.size_bytes > MAX_BATCH_BYTES
        ):
            yield _batch(held, report)
            held, size = [], 0
        held.append(record)
        size += record.size_bytes
    if held:
        yield _batch(held, report)


def part_of(
    batches: Iterable[DocumentBatch], begin: int, end: int | None = None
) -> Iterator[DocumentBatch]:
    """Yield the documents from number `begin` on, up to `end`, and read no further than that."""
    first = 0
    for batch in batches:
        n_docs = len(batch.documents)
        rows = slice(max(begin - first, 0), n_docs if end is None else min(end - first, n_docs))
        if rows == slice(0, n_docs):
            yield batch
        elif rows.start < rows.stop:
            vectors = batch.vectors and batch.vectors.slice(rows.start, rows.stop)
            yield DocumentBatch(batch.documents[rows], vectors, batch.vocabulary)
        first += n_docs
        if end is not None and first >= end:
            return


def _batch(records: list[Record], report: Report) -> DocumentBatch:
    if records[0].vector is None:
        return batch_of_records(records)

    def convert(rows: Sequence[int]) -> DocumentBatch:
        return batch_of_records([records[row] for row in rows])

    return convert_sound_rows(len(records), convert, report)


def batch_of_records(records: Sequence[Record]) -> DocumentBatch:
    """Put records into one batch, all of which, or none, carry vectors.

    Raises:
        InvalidInputError: a weight of a vector cannot be right.
    """
    documents = [record.document for record in records]
    if records and all(record.vector is None for record in records):
        return DocumentBatch(documents)
    rows = [record.vector or {} for record in records]
    try:
        vectors, terms = batch_of_named_terms(rows, place=lambda row: documents[row].place)
    except (InvalidInputError, OverflowError):
        # A weight beyond float32 is only found once its term is a number: look for its name.
        for document, row in zip(documents, rows, strict=True):
            check_named_vector(row.items(), document.place)
        raise
    return DocumentBatch(documents, vectors, terms)
