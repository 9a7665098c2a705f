"""How do documents get in? As texts that the encoder turns into vectors, or as vectors."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from lsr.documents import Document, DocumentBatch, checked_id, document_from_record
from lsr.encoders import EncodedTexts, Encoder, EncodingListener
from lsr.encoders.text_template import encoded_text
from lsr.errors import InvalidInputError, LsrError
from lsr.index import Checkpoint, IndexWriter
from lsr.pruning import PruneRule, prune
from lsr.retrieval.dense_encoding import dense_encoder
from lsr.sparse import SparseBatch, batch_of_named_terms

if TYPE_CHECKING:
    from lsr.retrieval.index import Index

BATCH_DOCS = 4096
"""Documents encoded together: enough to sort by length, few enough to hold in memory."""

SkipBad = Callable[[LsrError], None] | None

DocumentLike = Document | Mapping[str, Any] | tuple[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True, eq=False)
class AddedDocuments:
    """What was added of a batch.

    Attributes:
        documents: those that were not left out.
        vectors: theirs, unquantized, in the index's vocabulary.
        truncated: those of which the encoder read only the beginning.
    """

    documents: Sequence[Document]
    vectors: SparseBatch
    truncated: Sequence[Document]


class Writer:
    """Adds documents to an index, encoding their texts; made by `Index.writer`."""

    def __init__(self, index: Index, index_writer: IndexWriter) -> None:
        self._index = index
        self._index_writer = index_writer
        rule = index_writer.prune
        self._prune_rule = PruneRule.parse(rule) if rule else None

    @property
    def resumed(self) -> Checkpoint | None:
        """The interrupted build that this writer goes on with."""
        return self._index_writer.resumed

    @property
    def has_failed(self) -> bool:
        """Whether a step broke off, after which this writer can do nothing more."""
        return self._index_writer.failure is not None

    @property
    def is_checkpoint_due(self) -> bool:
        """Whether enough was done since the last checkpoint to take another."""
        return self._index_writer.is_checkpoint_due

    def add(
        self,
        documents: DocumentBatch | DocumentLike,
        listener: EncodingListener | None = None,
        *,
        update: bool = False,
        skip_bad: SkipBad = None,
    ) -> SparseBatch:
        """Add documents and return their vectors, unquantized, in the index's vocabulary.

        Args:
            documents: a batch, or one document; many at once are encoded faster, and many batches
                by `add_batches`.
            listener: told of texts encoded and texts cut short.
            update: delete documents of the index that have the id of a new one.
            skip_bad: told of documents left out because their id is taken; None to raise.

        Raises:
            DuplicateIdError: an id is in the index already, or occurs twice.
            InvalidInputError: a document has no vector and the index has no encoder.
            VocabularyMismatchError: the vectors have other terms than the index.
        """
        batch = documents if isinstance(documents, DocumentBatch) else _batch([documents])
        if batch.vectors is not None:
            return self._add(batch, EncodedTexts(batch.vectors), update, skip_bad).vectors
        batch = self._with_free_ids(batch, update, skip_bad)
        if not batch.documents:
            return SparseBatch.from_rows([], n_terms=0)
        encoder, dense_size = self.encoder_for(batch), self._index_writer.dense_size
        if dense_size:
            suited = dense_encoder(encoder, dense_size)
            encoded = suited.encode_documents_densely(self._texts(batch), listener)
        else:
            encoded = EncodedTexts(encoder.encode_documents(self._texts(batch), listener))
        return self._add(batch, encoded, update, skip_bad).vectors

    def add_batches(
        self,
        batches: Iterable[DocumentBatch],
        listener: EncodingListener | None = None,
        *,
        update: bool = False,
        skip_bad: SkipBad = None,
    ) -> Generator[AddedDocuments, None, None]:
        """Add batches as they come, and yield what was added of each, in order.

        Texts are encoded while the next batch is read and the one before is written. What was
        yielded is added. Close the generator to stop early.

        Args:
            batches: of texts, of vectors, or some of each.
            listener: told of texts encoded; what was cut short is yielded.
            update: see `add`.
            skip_bad: see `add`.

        Raises:
            LsrError: as `add`.
        """
        unread = iter(batches)
        for batch in unread:
            if batch.vectors is None:
                # All others go through the encoder as well, to stay in order.
                rest = chain([batch], unread)
                encoder = self.encoder_for(batch)
                with closing(self._add_encoded(rest, encoder, listener, update, skip_bad)) as added:
                    yield from added
            else:
                yield self._add(batch, EncodedTexts(batch.vectors), update, skip_bad)

    def add_documents(self, documents: Iterable[DocumentLike]) -> int:
        """Add any number of documents, in batches, and return how many there were."""
        stream = iter(documents)
        chunks = iter(lambda: list(islice(stream, BATCH_DOCS)), [])
        with closing(self.add_batches(map(_batch, chunks))) as added:
            return sum(len(one.documents) for one in added)

    def delete(self, doc_id: str) -> bool:
        """Delete a document, from the next commit on; say whether there was one."""
        return self._index_writer.delete(doc_id)

    def merge(self) -> bool:
        """Make one segment of all, without deleted documents; no search changes.

        Returns:
            Whether there was anything to do.
        """
        return self._index_writer.merge()

    def commit(self, notes: Mapping[str, str] | None = None) -> int:
        """Make the documents added so far durable and visible, and return the commit's number.

        Args:
            notes: free text to keep with the index from this commit on, by name.
        """
        manifest = self._index_writer.commit(notes)
        self._index.refresh()
        return manifest.commit

    def checkpoint(self, progress: dict[str, Any]) -> None:
        """Keep the documents added so far, invisibly, for ``Index.writer(resume=True)``.

        Args:
            progress: how far the input was read, for whoever goes on: JSON values.
        """
        self._index_writer.checkpoint(progress)

    def encoder_for(self, batch: DocumentBatch) -> Encoder:
        """Return the encoder of texts.

        Raises:
            InvalidInputError: the index was made without one; names the first text.
        """
        if self._index.has_encoder:
            return self._index.encoder
        place = batch.documents[0].place or batch.documents[0].doc_id
        raise InvalidInputError(
            f"{place}: the documents are texts, and texts need a model to become vectors; "
            "name one with --model, for example --model splade-tiny."
        )

    def _add_encoded(
        self,
        batches: Iterable[DocumentBatch],
        encoder: Encoder,
        listener: EncodingListener | None,
        update: bool,
        skip_bad: SkipBad,
    ) -> Generator[AddedDocuments, None, None]:
        if self._index_writer.dense_size:
            dense_encoder(encoder, self._index_writer.dense_size)
        waiting: deque[DocumentBatch] = deque()

        def runs() -> Iterator[Sequence[str]]:
            for batch in batches:
                if batch.vectors is None:
                    # Before the costly encoding, and again after it: the batch before this one is
                    # still to be added.
                    batch = self._with_free_ids(batch, update, skip_bad)
                waiting.append(batch)
                yield self._texts(batch) if batch.vectors is None else []

        with closing(encoder.encode_stream(runs(), listener)) as encoded:
            for run in encoded:
                batch = waiting.popleft()
                vectors = run if batch.vectors is None else EncodedTexts(batch.vectors)
                yield self._add(batch, vectors, update, skip_bad)

    def _add(
        self,
        batch: DocumentBatch,
        encoded: EncodedTexts,
        update: bool,
        skip_bad: SkipBad,
    ) -> AddedDocuments:
        """Add a batch with its vectors, which are the encoder's if it brought none itself."""
        documents, vectors = batch.documents, encoded.vectors
        dense = encoded.dense if self._index_writer.dense_size else None
        if batch.vectors is not None and documents and self._index_writer.dense_size:
            raise InvalidInputError(
                f"{documents[0].place}: the index has a dense half, which vectors do not fill; add "
                "texts, or make another index of vectors."
            )
        taken = self._taken(documents, update, skip_bad)
        if taken:
            kept = [row for row in range(len(documents)) if row not in taken]
            documents, vectors = [documents[row] for row in kept], vectors.take(kept)
            dense = None if dense is None else dense[kept]
        if batch.vectors is not None:
            vectors = self._index_writer.vocabulary.documents(vectors, batch.vocabulary)
        if self._prune_rule:
            vectors = prune(vectors, self._prune_rule)
        self._index_writer.add(documents, vectors, dense, update=update)
        cut = [batch.documents[row] for row in encoded.truncated if row not in taken]
        return AddedDocuments(documents, vectors, cut)

    def _with_free_ids(
        self, batch: DocumentBatch, update: bool, skip_bad: SkipBad
    ) -> DocumentBatch:
        taken = self._taken(batch.documents, update, skip_bad)
        return DocumentBatch([one for row, one in enumerate(batch.documents) if row not in taken])

    def _taken(
        self, documents: Sequence[Document], update: bool, skip_bad: SkipBad
    ) -> Collection[int]:
        """Return the rows of documents to leave out because their id is taken."""
        duplicates = dict(self._index_writer.duplicates(documents, update=update))
        for error in duplicates.values():
            if skip_bad is None:
                raise error
            skip_bad(error)
        return duplicates

    def _texts(self, batch: DocumentBatch) -> list[str]:
        settings = self.encoder_for(batch).settings
        return [encoded_text(one, settings) for one in batch.documents]


def _batch(documents: Sequence[DocumentLike]) -> DocumentBatch:
    """Turn what users pass into a batch; documents with and without vectors do not mix."""
    records: list[Document] = []
    rows: list[Mapping[str, float]] = []
    for number, document in enumerate(documents):
        place = f"document {number}"
        if isinstance(document, Document):
            records.append(document)
        elif isinstance(document, Mapping):
            records.append(document_from_record(document, place))
            if "vector" in document:
                rows.append(document["vector"])
        else:
            doc_id, row = document
            records.append(Document(checked_id(doc_id, place), place=place))
            rows.append(row)
    if not rows:
        return DocumentBatch(records)
    if len(rows) != len(records):
        raise InvalidInputError("Some documents have vectors and some do not; index them apart.")
    named = [{str(term): weight for term, weight in row.items()} for row in rows]
    vectors, names = batch_of_named_terms(named, place=lambda row: records[row].place)
    return DocumentBatch(records, vectors, names)
