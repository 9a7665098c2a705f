"""`lsr encode`: texts in, a Parquet file of sparse vectors out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lsr.cli.output import (
    BackendOption,
    Bar,
    JsonOption,
    MaxLengthOption,
    QuietOption,
    emit,
    emit_json,
    progress_bar,
    set_quiet,
)

if TYPE_CHECKING:
    from lsr.corpus.vector_file import VectorFileWriter
    from lsr.encoders import Encoder
    from lsr.sparse import SparseBatch


def encode(
    input: Annotated[str, typer.Argument(help="A corpus, or with --queries a file of queries.")],
    model: Annotated[str, typer.Option(help="Hub id, folder, or short name such as splade-tiny.")],
    output: Annotated[Path, typer.Option(help="The .parquet file to write.")],
    queries: Annotated[
        bool, typer.Option("--queries", help="The input is queries: encode them as such.")
    ] = False,
    max_length: MaxLengthOption = None,
    backend: BackendOption = "auto",
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Encode texts and write one row a text: id, terms (ids), weights.

    The file carries the model's vocabulary and settings, so `lsr index FILE.parquet` makes an
    index that answers questions as text.

    Example: printf '{"id": "1", "text": "the cat drank milk"}' | lsr encode - --model splade-tiny
    --output vectors.parquet
    """
    from lsr.corpus import corpus_size
    from lsr.corpus.vector_file import VectorFileWriter
    from lsr.encoders import Backend, load_encoder

    set_quiet(quiet)
    if output.suffix != ".parquet":
        raise typer.BadParameter(f"--output must end in .parquet, not {output.suffix!r}.")
    started = time.perf_counter()
    encoder = load_encoder(model, max_length=max_length, backend=Backend.parse(backend))
    total = None if queries else corpus_size(input)
    with (
        VectorFileWriter(output, encoder.tokens, encoder.settings) as writer,
        progress_bar("texts", total) as bar,
    ):
        n_texts, n_weights = (_encode_queries if queries else _encode_documents)(
            input, encoder, writer, bar
        )
    seconds = time.perf_counter() - started
    facts = {"texts": n_texts, "weights": n_weights, "seconds": round(seconds, 3)}
    if json:
        emit_json({**facts, "output": str(output)})
    else:
        emit(
            f"{n_texts:,} texts to {output} in {seconds:.1f} s ({n_texts / seconds:,.0f}/s), "
            f"{n_weights / max(1, n_texts):.1f} terms each."
        )


def _encode_documents(
    source: str, encoder: Encoder, writer: VectorFileWriter, bar: Bar
) -> tuple[int, int]:
    from lsr.corpus import read_documents

    n_texts = n_weights = 0
    for batch in read_documents(source):
        _refuse_vectors(batch.vectors, source)
        vectors = encoder.encode_documents(
            [one.full_text for one in batch.documents], _Listener(bar)
        )
        writer.write([one.doc_id for one in batch.documents], vectors)
        n_texts, n_weights = n_texts + len(vectors), n_weights + vectors.nnz
    return n_texts, n_weights


def _encode_queries(
    source: str, encoder: Encoder, writer: VectorFileWriter, bar: Bar
) -> tuple[int, int]:
    from lsr.corpus import read_queries

    batch = read_queries(source)
    _refuse_vectors(batch.vectors, source)
    vectors = encoder.encode_queries(batch.texts)
    writer.write(list(batch.query_ids), vectors)
    bar.advance(len(vectors))
    return len(vectors), vectors.nnz


def _refuse_vectors(vectors: SparseBatch | None, source: str) -> None:
    from lsr.errors import InvalidInputError

    if vectors is not None:
        raise InvalidInputError(
            f"{source} holds vectors, not texts to encode; give it to lsr index as it is."
        )


class _Listener:
    def __init__(self, bar: Bar) -> None:
        self._bar = bar

    def encoded(self, n_texts: int, n_tokens: int) -> None:
        """Count texts that were encoded."""
        self._bar.advance(n_texts)

    def truncated(self, row: int) -> None:
        """Cutting long texts is the encoder's documented behaviour."""
