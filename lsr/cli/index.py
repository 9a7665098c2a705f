"""`lsr index`: text or vectors in, a committed index out."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lsr.cli.output import (
    Bar,
    IndexOption,
    JsonOption,
    MaxLengthOption,
    ModelOption,
    QuietOption,
    emit,
    emit_json,
    note,
    progress_bar,
    set_quiet,
)

if TYPE_CHECKING:
    from lsr.documents import DocumentBatch
    from lsr.errors import LsrError
    from lsr.retrieval import Index, Writer

MAX_EXAMPLES = 5
"""Warnings of one kind printed in full before they are only counted."""


class OnError(StrEnum):
    """What to do about a record that cannot be indexed."""

    FAIL = "fail"
    SKIP = "skip"


def index(
    corpus: Annotated[
        list[str],
        typer.Argument(
            metavar="CORPUS...",
            help="Files (.jsonl .json .csv .tsv .parquet .npz, also .gz .zst), BEIR folders, "
            "irds:ID, or - for JSON lines on stdin.",
        ),
    ],
    index: IndexOption,
    model: ModelOption = None,
    max_length: MaxLengthOption = None,
    max_weight: Annotated[
        float | None,
        typer.Option(help="Largest weight that the 8-bit impacts must hold; fitted if unset."),
    ] = None,
    on_error: Annotated[
        OnError, typer.Option(help="Stop at a record that cannot be indexed, or skip it.")
    ] = OnError.FAIL,
    update: Annotated[
        bool, typer.Option("--update", help="Replace documents that have the id of a new one.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the index at DIR.")] = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Index documents: text is encoded with MODEL, vectors are taken as they are.

    Adds to the index at DIR when there is one. Nothing changes there until the end: an error, a
    full disk or Ctrl-C leaves it as it was.

    Example: printf '{"id": "1", "text": "the cat drank milk"}' | lsr index - --index idx
    --model splade-tiny --force
    """
    from lsr.corpus import corpus_size

    set_quiet(quiet)
    started = time.perf_counter()
    target = _open_or_create(corpus, Path(index), model, max_length, max_weight, force)
    report = _Report()
    sizes = [corpus_size(source) for source in corpus]
    total = None if None in sizes else sum(size or 0 for size in sizes)
    with target.writer() as writer, progress_bar("documents", total) as bar:
        n_docs = _add_all(writer, corpus, on_error, update, report, bar)
        writer.commit()
    report.finish()
    seconds = time.perf_counter() - started
    facts = target.info()
    if json:
        emit_json(
            {
                "added": n_docs,
                "skipped": report.n_skipped,
                "empty": report.n_empty,
                "truncated": report.n_truncated,
                "seconds": round(seconds, 3),
                "index": facts,
            }
        )
    else:
        emit(
            f"{n_docs:,} documents added to {index} in {seconds:.1f} s "
            f"({n_docs / seconds:,.0f}/s); it holds {facts['n_docs']:,} documents now "
            f"(segments: {len(facts['segments'])}, {facts['size_bytes'] / 1e6:,.1f} MB)."
        )


def _open_or_create(
    corpus: list[str],
    path: Path,
    model: str | None,
    max_length: int | None,
    max_weight: float | None,
    force: bool,
) -> Index:
    from lsr.encoders import load_encoder
    from lsr.errors import ConfigError
    from lsr.index import is_index
    from lsr.retrieval import Index

    if is_index(path) and not force:
        opened = Index.open(path)
        if max_weight is not None:
            raise ConfigError("--max-weight is fixed when an index is made; add --force to remake.")
        opened.refuse_other_model(model, max_length)
        return opened
    if model is None:
        settings, terms = _embedded_encoder(corpus)
        return Index.create(
            path, encoder_settings=settings, terms=terms, max_weight=max_weight, replace=force
        )
    encoder = load_encoder(model, max_length=max_length)
    return Index.create(path, encoder=encoder, max_weight=max_weight, replace=force)


def _embedded_encoder(corpus: list[str]) -> tuple[dict[str, Any] | None, Sequence[str] | None]:
    """Return the settings and the vocabulary of the encoder that `lsr encode` noted in a file."""
    from lsr.corpus import embedded_encoder_settings, read_documents

    for source in corpus:
        settings = embedded_encoder_settings(source)
        if settings:
            return settings, next(read_documents(source)).vocabulary
    return None, None


def _add_all(
    writer: Writer,
    corpus: Iterable[str],
    on_error: OnError,
    update: bool,
    report: _Report,
    bar: Bar,
) -> int:
    from lsr.corpus import read_documents

    skip = report.skip if on_error is OnError.SKIP else None
    n_docs = 0
    for source in corpus:
        for batch in read_documents(source, skip_bad=skip):
            report.start(batch, bar)
            vectors = writer.add(batch, report, update=update, skip_bad=skip)
            n_docs += len(vectors)
            if batch.vectors is not None:
                bar.advance(len(vectors))
    return n_docs


class _Report:
    """Counts what a person should know, and says the first few cases in full."""

    def __init__(self) -> None:
        self.n_skipped = self.n_empty = self.n_truncated = 0
        self._batch: DocumentBatch
        self._bar: Bar

    def start(self, batch: DocumentBatch, bar: Bar) -> None:
        """Look at a batch that is about to be added."""
        self._batch, self._bar = batch, bar
        if batch.vectors is not None:
            return
        for document in batch.documents:
            if not document.full_text.strip():
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

    def encoded(self, n_texts: int) -> None:
        """Count texts that were encoded."""
        self._bar.advance(n_texts)

    def truncated(self, row: int) -> None:
        """Count a text that was cut."""
        self.n_truncated += 1
        document = self._batch.documents[row]
        if len(document.text) > LONG_TEXT:
            note(
                f"warning: {document.place}: document {document.doc_id!r} has "
                f"{len(document.text):,} characters, of which only the beginning is searchable; "
                "split it into passages."
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


LONG_TEXT = 1 << 20
"""Characters from which a text is surely no passage, so that it is named on its own."""
