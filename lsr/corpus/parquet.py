"""How is Parquet read? Column by column; vectors come straight from Arrow's list offsets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.corpus.arrow import pa, pc, pq
from lsr.corpus.batches import MAX_BATCH_BYTES, MAX_BATCH_DOCUMENTS
from lsr.corpus.parquet_layout import ENCODER_KEY, Layout, is_string, layout_of, schema_value
from lsr.corpus.records import (
    RecordForm,
    Report,
    check_named_vector,
    convert_sound_rows,
    read_document,
)
from lsr.documents import MAX_ID_BYTES, Document, DocumentBatch
from lsr.errors import InvalidInputError
from lsr.sparse import MAX_TERM_ID, SparseBatch

Place = Callable[[int], str]

BUFFER_BYTES = 1 << 16
"""Bytes of a column read at once."""


def parquet_batches(path: Path, form: RecordForm, report: Report) -> Iterator[DocumentBatch]:
    """Yield the rows of a Parquet file in batches.

    Raises:
        InvalidInputError: the file is damaged, or its columns are not those of a corpus.
    """
    first_row = 1
    for batch, layout in _arrow_batches(path, form):
        convert = partial(_convert_rows, path, first_row, batch, layout)
        yield convert_sound_rows(batch.num_rows, convert, report)
        first_row += batch.num_rows


def parquet_size(path: Path) -> int:
    """Return the number of rows."""
    with _opened(path) as file:
        return int(file.metadata.num_rows)


def parquet_encoder_settings(path: Path) -> dict[str, Any] | None:
    """Return the settings of the encoder that made the vectors, if the file carries them."""
    with _opened(path) as file:
        settings: dict[str, Any] | None = schema_value(
            path, file.schema_arrow, ENCODER_KEY, dict[str, Any]
        )
    return settings


def _opened(path: Path) -> pq.ParquetFile:
    try:
        # Read as it is needed: by default whole row groups, often the whole file, go to memory.
        return pq.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER_BYTES)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from error


def _arrow_batches(path: Path, form: RecordForm) -> Iterator[tuple[pa.RecordBatch, Layout]]:
    with _opened(path) as file:
        layout = layout_of(path, file.schema_arrow, form)
        sizes = [file.metadata.row_group(group) for group in range(file.metadata.num_row_groups)]
        row_bytes = max(
            (group.total_byte_size // max(1, group.num_rows) for group in sizes), default=1
        )
        n_rows = max(1, min(MAX_BATCH_DOCUMENTS, MAX_BATCH_BYTES // max(1, row_bytes)))
        try:
            for batch in file.iter_batches(n_rows):
                for part in _halved(batch):
                    yield part, layout
        except (pa.ArrowException, OSError) as error:
            raise _damaged(path, error) from error


def _halved(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Split a batch until no part is above the limit or longer than a row."""
    if batch.num_rows <= 1 or batch.nbytes <= MAX_BATCH_BYTES:
        if batch.num_rows:
            yield batch
        return
    middle = batch.num_rows // 2
    yield from _halved(batch.slice(0, middle))
    yield from _halved(batch.slice(middle))


def _damaged(path: Path, error: Exception) -> InvalidInputError:
    reason = str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else "no reason"
    return InvalidInputError(
        f"{path} cannot be read as Parquet ({reason}); write or fetch the file again."
    )


def _convert_rows(
    path: Path, first_row: int, batch: pa.RecordBatch, layout: Layout, rows: Sequence[int]
) -> DocumentBatch:
    part = batch if len(rows) == batch.num_rows else batch.take(pa.array(rows, pa.int64()))
    # Spelling a path takes longer than the rest of a place, of which every row has one.
    before_number = f"{path}: row "
    return _convert(part, layout, lambda at: f"{before_number}{first_row + rows[at]}")


def _convert(batch: pa.RecordBatch, layout: Layout, place: Place) -> DocumentBatch:
    """Convert a batch; errors blame its first row, as `convert_sound_rows` tries rows singly."""
    documents = _documents(batch, layout, place)
    if layout.weights is None:
        return DocumentBatch(documents)
    terms = _lists(batch, "terms", place)
    weights = _lists(batch, layout.weights, place)
    sizes = np.diff(terms.offsets.to_numpy())
    if (sizes != np.diff(weights.offsets.to_numpy())).any():
        raise InvalidInputError(
            f"{place(0)}: there are {len(terms[0])} terms, but {len(weights[0])} "
            f"{layout.weights}; write one for each."
        )
    indptr = np.append(0, np.cumsum(sizes, dtype=np.int64))
    values = weights.flatten().to_numpy(zero_copy_only=False)
    ids = terms.flatten()
    if not pa.types.is_integer(ids.type):
        return _with_named_terms(documents, indptr, ids, values, place)
    numbers = ids.to_numpy(zero_copy_only=False)
    if layout.vocabulary is not None:
        n_terms = max(1, len(layout.vocabulary))
    else:
        n_terms = int(min(numbers.max(initial=0), MAX_TERM_ID)) + 1
    vectors = SparseBatch.from_arrays(indptr, numbers, values, n_terms, place=place)
    return DocumentBatch(documents, vectors, layout.vocabulary)


def _documents(batch: pa.RecordBatch, layout: Layout, place: Place) -> list[Document]:
    columns = {}
    for name in layout.texts:
        column = batch.column(name)
        if _is_written_as_text(column.type):
            column = column.cast(pa.string())
        try:
            columns[name] = column.to_pylist()
        except UnicodeDecodeError:
            raise InvalidInputError(
                f"{place(0)}: the column {name!r} holds bytes that are not valid UTF-8."
            ) from None
    if _is_bare(batch, layout):
        return _bare_documents(columns, layout.id_field, place)
    rows = zip(*columns.values(), strict=True)
    return [
        read_document(dict(zip(columns, row, strict=True)), place(at))
        for at, row in enumerate(rows)
    ]


def _is_bare(batch: pa.RecordBatch, layout: Layout) -> bool:
    """Say whether there are only strings and no metadata, and `checked_id` would pass all ids."""
    names = set(layout.texts)
    if not names <= {layout.id_field, "title", "text"}:
        return False
    if not all(is_string(batch.schema.field(name).type) for name in names):
        return False
    pattern = f"^[!-~]{{1,{MAX_ID_BYTES}}}$"
    are_plain = pc.match_substring_regex(batch.column(layout.id_field), pattern)
    return bool(pc.all(are_plain, skip_nulls=False).as_py())


def _bare_documents(columns: dict[str, list[Any]], id_field: str, place: Place) -> list[Document]:
    """Do what `read_document` does, several times as fast: for files of millions of vectors."""
    ids = columns[id_field]
    nothing: list[Any] = [None] * len(ids)
    titles = columns.get("title", nothing)
    texts = columns.get("text", nothing)
    return [
        Document(doc_id, title or "", text or "", {}, place(at))
        for at, (doc_id, title, text) in enumerate(zip(ids, titles, texts, strict=True))
    ]


def _is_written_as_text(kind: pa.DataType) -> bool:
    """Say whether JSON lacks the type, but Arrow can spell it (2026-01-31, 12.50)."""
    types = pa.types
    return bool(
        types.is_date(kind)
        or types.is_time(kind)
        or types.is_timestamp(kind)
        or types.is_decimal(kind)
    )


def _lists(batch: pa.RecordBatch, name: str, place: Place) -> pa.LargeListArray:
    column = batch.column(name)
    if column.null_count:
        raise InvalidInputError(f"{place(0)}: {name} is null; write an empty list instead.")
    lists = column.cast(pa.large_list(column.type.value_type))
    if lists.flatten().null_count:
        raise InvalidInputError(f"{place(0)}: {name} holds a null; leave the pair out.")
    return lists


def _with_named_terms(
    documents: list[Document],
    indptr: NDArray[np.int64],
    names: pa.StringArray,
    weights: NDArray[Any],
    place: Place,
) -> DocumentBatch:
    encoded = names.dictionary_encode()
    vocabulary = encoded.dictionary.to_pylist()
    numbers = encoded.indices.to_numpy(zero_copy_only=False)
    try:
        vectors = SparseBatch.from_arrays(
            indptr, numbers, weights, max(1, len(vocabulary)), place=place
        )
    except InvalidInputError:
        # Say it again with the name of the term instead of its number.
        terms = (vocabulary[number] for number in numbers)
        check_named_vector(zip(terms, weights.tolist(), strict=True), place(0))
        raise
    return DocumentBatch(documents, vectors, vocabulary)
