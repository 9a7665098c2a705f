"""How is a segment written without holding it? Range by range, text by text, into growing files.

Postings, ids and texts go to their files as they come. What is small (where lists begin, the
largest impact of each, where texts lie) stays in memory and follows at the end.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lsr.documents import Document
from lsr.index.array_file import ArrayFileWriter
from lsr.index.background import Background
from lsr.index.dense_half import DENSE_ARRAY
from lsr.index.doc_ids import DocIdsWriter
from lsr.index.document_store import DocumentStoreWriter, encode_lines
from lsr.index.field_columns import FieldColumns, FieldColumnsWriter
from lsr.index.fields import Fields
from lsr.index.manifest import SegmentEntry
from lsr.index.row_buffer import Rows
from lsr.kernels.postings import KTH, PostingRange

logger = logging.getLogger(__name__)


_Measured = tuple[PostingRange, NDArray[Any], NDArray[np.uint8]]
"""A range with its largest and its k-th largest impacts."""


class _RangeTables(NamedTuple):
    """What is kept of a range whose postings are written."""

    list_starts: NDArray[np.uint32]
    offset_starts: NDArray[np.uint32]
    max_impacts: NDArray[Any]


class SegmentWriter:
    """The files of a new segment.

    Args:
        folder: where they are made.
        name: their common name.
        impact_type: type of the impacts.
        fields: the index's declared fields.
        background: compresses and inverts.
        dense_size: numbers in a document's dense row; 0 where there are none.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        impact_type: DTypeLike,
        fields: Fields,
        background: Background,
        dense_size: int,
    ) -> None:
        self.name = name
        self.n_docs = 0
        self._impact_type = np.dtype(impact_type)
        self._background = background
        self._range_lists = [0]
        self._range_offsets = [0]
        self._tables: list[_RangeTables] = []
        self._kth_impacts = np.zeros((len(KTH), 0), dtype=np.uint8)
        with ExitStack() as files:
            self._documents = DocumentStoreWriter(folder / f"{name}.documents.jsonl.zst")
            files.callback(self._documents.abandon)
            self._doc_ids = DocIdsWriter(folder / f"{name}.doc_ids.arrays")
            files.callback(self._doc_ids.abandon)
            self._doc_offsets = ArrayFileWriter(folder / f"{name}.doc_offsets.arrays")
            files.callback(self._doc_offsets.abandon)
            self._arrays = ArrayFileWriter(folder / f"{name}.arrays")
            files.callback(self._arrays.abandon)
            self._columns = None
            if fields:
                self._columns = FieldColumnsWriter(folder / f"{name}.columns.arrays", fields)
                files.callback(self._columns.abandon)
            self._dense = None
            if dense_size:
                self._dense = ArrayFileWriter(folder / f"{name}.dense.arrays")
                files.callback(self._dense.abandon)
                self._dense.begin(DENSE_ARRAY, np.float32)
            self._doc_offsets.begin("doc_offsets", np.uint16)
            self._arrays.begin("impacts", impact_type)
            self._files = files.pop_all()

    @property
    def kept_bytes(self) -> int:
        """Memory that does not go before `close`."""
        tables = sum(sum(part.nbytes for part in one) for one in self._tables)
        return tables + 12 * self.n_docs

    @property
    def is_even(self) -> bool:
        """Whether the texts so far fill whole batches."""
        return self._documents.is_even

    def add_ids(self, doc_ids: Sequence[str], hashes: NDArray[np.uint64]) -> None:
        """Append the ids of documents, whose texts and postings may come before or after."""
        self._doc_ids.add(doc_ids, hashes)
        self.n_docs += hashes.size

    def add_encoded_ids(
        self, content: NDArray[np.uint8], lengths: NDArray[np.uint32], hashes: NDArray[np.uint64]
    ) -> None:
        """Append ids as another segment stores them; see `DocIdsWriter.add_encoded`."""
        self._doc_ids.add_encoded(content, lengths, hashes)
        self.n_docs += hashes.size

    def add_columns(self, documents: Sequence[Document]) -> None:
        """Append the declared fields of documents."""
        if self._columns:
            self._columns.add(documents)

    def copy_columns(self, sources: Sequence[FieldColumns], rows: NDArray[np.int64]) -> None:
        """Append the declared fields of documents of other segments, counted through them."""
        if self._columns:
            self._columns.copy(sources, rows)

    def add_dense(self, rows: NDArray[np.float32]) -> None:
        """Append the dense rows of documents, where the index has any."""
        if self._dense:
            self._dense.append(rows.ravel())

    def add_texts(self, lines: Sequence[bytes]) -> None:
        """Append documents as `document_lines` makes them."""
        whole = self._documents.cut(lines)
        if whole:
            size_bytes = sum(map(len, whole))
            self._background.run(partial(encode_lines, whole), self._documents.write, size_bytes)

    def add_encoded_texts(self, batch: memoryview) -> None:
        """Append a batch of documents of another segment; only while the texts are even."""
        self._background.run(lambda: [batch], self._documents.write)

    def add_range(self, rows: Rows, n_terms: int, done: Callable[[], None]) -> None:
        """Append the postings of the next documents; only the last range may be short.

        Args:
            rows: to be left alone until `done` is called.
            n_terms: size of the vocabulary.
            done: called once the rows are not needed any more.
        """

        def use(measured: _Measured) -> None:
            done()
            self._write_range(*measured)

        self._background.run(partial(_coded, rows, n_terms), use)

    def add_coded_range(self, coded: PostingRange) -> None:
        """Append a whole range of another segment."""
        self._background.run(partial(_measured, coded), lambda parts: self._write_range(*parts))

    def close(self, n_terms: int, n_clipped: int) -> SegmentEntry:
        """Write what was kept, sync all files, and describe them for the manifest."""
        self._background.finish()
        documents = self._documents.close()
        for name in ("list_starts", "offset_starts"):
            self._arrays.begin(name, np.uint32)
            # Terms that came later have no postings: their lists begin where all end.
            self._arrays.append(
                _by_term(
                    [_padded(starts, n_terms + 1, starts[-1]) for starts in self._column(name)],
                    np.uint32,
                )
            )
        self._arrays.begin("max_impacts", self._impact_type)
        self._arrays.append(
            _by_term(
                [_padded(maxima, n_terms, 0) for maxima in self._column("max_impacts")],
                self._impact_type,
            )
        )
        self._write_arrays(
            {
                "range_lists": np.array(self._range_lists, dtype=np.int64),
                "range_offsets": np.array(self._range_offsets, dtype=np.int64),
                "kth_impacts": _padded(self._kth_impacts, n_terms, 0).ravel(),
                **self._documents.arrays(),
            }
        )
        entry = SegmentEntry(
            name=self.name,
            n_docs=self.n_docs,
            n_terms=n_terms,
            n_postings=self._range_lists[-1],
            n_clipped=n_clipped,
            arrays=self._arrays.close(),
            doc_offsets=self._doc_offsets.close(),
            doc_ids=self._doc_ids.close(),
            documents=documents,
            columns=self._columns.close() if self._columns else None,
            dense=self._dense.close() if self._dense else None,
        )
        logger.info("segment %s: %d documents", entry.name, entry.n_docs)
        return entry

    def abandon(self) -> None:
        """Let go of the files without finishing them."""
        self._files.close()

    def _write_range(
        self, coded: PostingRange, maxima: NDArray[Any], kth: NDArray[np.uint8]
    ) -> None:
        self._doc_offsets.append(coded.doc_offsets)
        self._arrays.append(coded.impacts)
        self._range_lists.append(self._range_lists[-1] + coded.impacts.size)
        self._range_offsets.append(self._range_offsets[-1] + coded.doc_offsets.size)
        self._tables.append(_RangeTables(coded.list_starts, coded.offset_starts, maxima))
        n_terms = maxima.size
        self._kth_impacts = np.maximum(_padded(self._kth_impacts, n_terms, 0), kth)

    def _column(self, name: str) -> list[NDArray[Any]]:
        return [getattr(one, name) for one in self._tables]

    def _write_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        for name, values in arrays.items():
            self._arrays.begin(name, values.dtype)
            self._arrays.append(values)


def _coded(rows: Rows, n_terms: int) -> _Measured:
    from lsr.kernels.range_coding import encode_range

    return _measured(encode_range(*rows, n_terms))


def _measured(coded: PostingRange) -> _Measured:
    from lsr.kernels.range_coding import kth_impacts, list_maxima

    maxima = list_maxima(coded)
    if coded.impacts.dtype == np.uint8:
        return coded, maxima, kth_impacts(coded)
    return coded, maxima, np.zeros((len(KTH), maxima.size), dtype=np.uint8)


def _by_term(by_range: Sequence[NDArray[Any]], dtype: DTypeLike) -> NDArray[Any]:
    """Turn a table of one row a range into one of a row a term, flat."""
    return np.array(by_range, dtype=dtype).T.ravel()


def _padded(values: NDArray[Any], length: int, filler: int) -> NDArray[Any]:
    """Lengthen the last axis: the vocabulary may have grown since."""
    missing = [(0, 0)] * (values.ndim - 1) + [(0, length - values.shape[-1])]
    return np.pad(values, missing, constant_values=filler)
