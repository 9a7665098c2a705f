"""What should a person know of documents on their way into an index? Counts, and the first few."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lsr.cli.output import Bar, note

if TYPE_CHECKING:
    from lsr.documents import Document, DocumentBatch
    from lsr.errors import LsrError
    from lsr.retrieval.writer import AddedDocuments

MAX_EXAMPLES = 5
"""Warnings of one kind printed in full before they are only counted."""

LONG_TEXT = 1 << 20
"""Characters from which a text is surely no passage, so that it is named on its own."""


class IndexReport:
    """Counts what happens to documents, moves the bar, and says the first few cases in full.

    Args:
        bar: moves when a text is encoded, or a vector added.
        text_of: what of a document is encoded.
    """

    def __init__(self, bar: Bar, text_of: Callable[[Document], str]) -> None:
        self.n_docs = self.n_tokens = 0
        self.n_skipped = self.n_empty = self.n_truncated = 0
        self._bar = bar
        self._text_of = text_of

    def look_at(self, batch: DocumentBatch) -> None:
        """Look at a batch that was read."""
        if batch.vectors is not None:
            return
        for document in batch.documents:
            if not self._text_of(document).strip():
                self.n_empty += 1
                self._example(
                    self.n_empty,
                    f"{document.place}: document {document.doc_id!r} has no text; it is stored, "
                    "but no query will find it.",
                )

    def skip(self, error: LsrError) -> None:
        """Count a record that is left out."""
        self.n_skipped += 1
        self._example(self.n_skipped, f"skipped: {error}")

    def encoded(self, n_texts: int, n_tokens: int) -> None:
        """Count texts that were encoded."""
        self.n_tokens += n_tokens
        self._bar.advance(n_texts, n_tokens)

    def truncated(self, row: int) -> None:
        """Do nothing: what was cut is told with what was added."""

    def add(self, added: AddedDocuments, *, brought_vectors: bool) -> None:
        """Count documents that were added."""
        self.n_docs += len(added.documents)
        if brought_vectors:
            self._bar.advance(len(added.documents))
        self.n_truncated += len(added.truncated)
        for document in added.truncated:
            if len(document.text) > LONG_TEXT:
                note(
                    f"warning: {document.place}: document {document.doc_id!r} has "
                    f"{len(document.text):,} characters, of which only the beginning is "
                    "searchable; split it into passages."
                )

    def finish(self) -> None:
        """Say how many cases were not said in full."""
        for count, what in ((self.n_skipped, "records skipped"), (self.n_empty, "without text")):
            if count > MAX_EXAMPLES:
                note(f"warning: {count:,} {what} in all.")
        if self.n_truncated:
            note(
                f"note: {self.n_truncated:,} documents were longer than the encoder reads; "
                "their ends are stored but not searchable. Split them, or raise --max-length."
            )

    def _example(self, count: int, message: str) -> None:
        if count <= MAX_EXAMPLES:
            note(f"warning: {message}")
