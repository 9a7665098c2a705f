"""What does `lsr encode` write? A Parquet file of vectors that says which encoder made them.

Columns: ``id`` (string), ``terms`` (list of uint32, rising), ``weights`` (list of float). The
schema's metadata holds the encoder's settings and vocabulary, so that an index of the file can
answer questions as text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from lsr.corpus.arrow import pa, pq
from lsr.corpus.parquet_layout import ENCODER_KEY, VOCABULARY_KEY
from lsr.errors import DISK_FULL_ERRNOS, DiskFullError, InvalidInputError
from lsr.sparse import SparseBatch

ROW_GROUP_DOCS = 4096
"""Documents of a file that are read together."""


class VectorFileWriter:
    """Write vectors; the file appears under its name when the block ends without an error.

    Args:
        path: the ``.parquet`` file.
        tokens: name of every term id.
        encoder_settings: what `load_encoder` needs to make the encoder again.
    """

    def __init__(self, path: Path, tokens: Sequence[str], encoder_settings: dict[str, Any]) -> None:
        self._path = path
        self._draft = path.with_name(path.name + ".tmp")
        self._schema = vector_schema(tokens, encoder_settings)

    def __enter__(self) -> VectorFileWriter:
        with _write_errors(self._path):
            self._writer = pq.ParquetWriter(self._draft, self._schema, compression="zstd")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            with _write_errors(self._path):
                self._writer.close()
                if error is None:
                    self._draft.replace(self._path)
        finally:
            self._draft.unlink(missing_ok=True)

    def write(self, ids: Sequence[str], vectors: SparseBatch) -> None:
        """Append vectors, one per id.

        Raises:
            DiskFullError: the disk is full.
        """
        with _write_errors(self._path):
            self._writer.write_table(_table(ids, vectors, self._schema))


def vector_schema(tokens: Sequence[str], encoder_settings: dict[str, Any]) -> pa.Schema:
    """Return the schema of a file of vectors, with what it says of their encoder.

    Args:
        tokens: name of every term id.
        encoder_settings: what `load_encoder` needs to make the encoder again.
    """
    return pa.schema(
        [
            ("id", pa.string()),
            ("terms", pa.list_(pa.uint32())),
            ("weights", pa.list_(pa.float32())),
        ],
        metadata={
            VOCABULARY_KEY: msgspec.json.encode(list(tokens)),
            ENCODER_KEY: msgspec.json.encode(encoder_settings),
        },
    )


def vector_file_bytes(schema: pa.Schema, ids: Sequence[str], vectors: SparseBatch) -> bytes:
    """Return a whole file of vectors, the same bytes for the same vectors."""
    sink = pa.BufferOutputStream()
    pq.write_table(
        _table(ids, vectors, schema), sink, row_group_size=ROW_GROUP_DOCS, compression="zstd"
    )
    return sink.getvalue().to_pybytes()


def _table(ids: Sequence[str], vectors: SparseBatch, schema: pa.Schema) -> pa.Table:
    offsets = pa.array(vectors.indptr.astype("int32"))
    columns = [
        pa.array(ids, pa.string()),
        pa.ListArray.from_arrays(offsets, pa.array(vectors.terms)),
        pa.ListArray.from_arrays(offsets, pa.array(vectors.weights)),
    ]
    return pa.table(columns, schema=schema)


@contextmanager
def _write_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL_ERRNOS:
            raise DiskFullError(
                f"The disk is full: {path} could not be written; free some space or choose "
                "another --output."
            ) from error
        raise InvalidInputError(f"{path} cannot be written: {error}.") from error
