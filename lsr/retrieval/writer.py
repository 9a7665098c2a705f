"""How do documents get in? As texts that the encoder turns into vectors, or as vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from lsr.documents import Document, DocumentBatch, checked_id, document_from_record
from lsr.encoders import EncodingListener
from lsr.errors import InvalidInputError, LsrError
from lsr.index import Checkpoint, IndexWriter
from lsr.pruning import PruneRule, prune
from lsr.sparse import SparseBatch, batch_of_named_terms

if TYPE_CHECKING:
    from lsr.retrieval.index import Index

BATCH_DOCS = 4096
"""Documents encoded together: enough to sort by length, few enough to hold in memory."""

DocumentLike = Document | Mapping[str, Any] | tuple[str, Mapping[str, float]]


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
    def is_checkpoint_due(self) -> bool:
        """Whether enough was done since the last checkpoint to take another."""
        return self._index_writer.is_checkpoint_due

    def add(
        self,
        documents: DocumentBatch | DocumentLike,
        listener: EncodingListener | None = None,
        *,
        update: bool = False,
        skip_bad: Callable[[LsrError], None] | None = None,
    ) -> SparseBatch:
        """Add documents and return their vectors, unquantized, in the index's vocabulary.

        Args:
            documents: a batch, or one document; many at once are encoded faster.
            listener: told of texts encoded and texts cut short.
            update: delete documents of the index that have the id of a new one.
            skip_bad: told of documents left out because their id is taken; None to raise.

        Raises:
            DuplicateIdError: an id is in the index already, or occurs twice.
            InvalidInputError: a document has no vector and the index has no encoder.
            VocabularyMismatchError: the vectors have other terms than the index.
        """
        batch = documents if isinstance(documents, DocumentBatch) else _batch([documents])
        batch = self._without_duplicates(batch, update, skip_bad)
        if batch.vectors is not None:
            vectors = self._index_writer.vocabulary.documents(batch.vectors, batch.vocabulary)
        elif self._index.has_encoder:
            encoder = self._index.encoder
            vectors = encoder.encode_documents([one.full_text for one in batch.documents], listener)
        elif batch.documents:
            place = batch.documents[0].place or batch.documents[0].doc_id
            raise InvalidInputError(
                f"{place}: the documents are texts, and texts need a model to become vectors; "
                "name one with --model, for example --model splade-tiny."
            )
        else:
            return SparseBatch.from_rows([], n_terms=0)
        if self._prune_rule:
            vectors = prune(vectors, self._prune_rule)
        self._index_writer.add(batch.documents, vectors, update=update)
        return vectors

    def add_documents(self, documents: Iterable[DocumentLike]) -> int:
        """Add any number of documents, in batches, and return how many there were."""
        stream = iter(documents)
        n_docs = 0
        while chunk := list(islice(stream, BATCH_DOCS)):
            self.add(_batch(chunk))
            n_docs += len(chunk)
        return n_docs

    def delete(self, doc_id: str) -> bool:
        """Delete a document, from the next commit on; say whether there was one."""
        return self._index_writer.delete(doc_id)

    def merge(self) -> bool:
        """Make one segment of all, without deleted documents; no search changes.

        Returns:
            Whether there was anything to do.
        """
        return self._index_writer.merge()

    def commit(self) -> None:
        """Make the documents added so far durable and visible."""
        self._index_writer.commit()
        self._index.refresh()

    def checkpoint(self, progress: dict[str, Any]) -> None:
        """Keep the documents added so far, invisibly, for ``Index.writer(resume=True)``.

        Args:
            progress: how far the input was read, for whoever goes on: JSON values.
        """
        self._index_writer.checkpoint(progress)

    def _without_duplicates(
        self, batch: DocumentBatch, update: bool, skip_bad: Callable[[LsrError], None] | None
    ) -> DocumentBatch:
        """Look at ids before the costly encoding."""
        duplicates = dict(self._index_writer.duplicates(batch.documents, update=update))
        if not duplicates:
            return batch
        for error in duplicates.values():
            if skip_bad is None:
                raise error
            skip_bad(error)
        kept = [row for row in range(len(batch.documents)) if row not in duplicates]
        vectors = None if batch.vectors is None else batch.vectors.take(kept)
        return DocumentBatch([batch.documents[row] for row in kept], vectors, batch.vocabulary)


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
