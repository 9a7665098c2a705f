"""`lsr encode`: texts in, Parquet files of sparse vectors out."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from lsr.cli.encoder_options import (
    BackendOption,
    EncoderOptions,
    FoldOption,
    MaxLengthOption,
    MethodOption,
    PrecisionOption,
    QueryModelOption,
    QueryWeightsOption,
    TemplateOption,
)
from lsr.cli.engine_option import LOCAL, EncodeStream, EngineOption, encoding_engine
from lsr.cli.long_texts import OnLong, OnLongOption, StrideOption, parsed_passages, refuse_long
from lsr.cli.output import (
    Bar,
    JsonOption,
    QuietOption,
    emit,
    emit_json,
    set_quiet,
    shows_bars,
)

if TYPE_CHECKING:
    from lsr.documents import Document
    from lsr.encoders import Encoder
    from lsr.sparse import SparseBatch


def encode(
    input: Annotated[str, typer.Argument(help="A corpus, or with --queries a file of queries.")],
    model: Annotated[str, typer.Option(help="Hub id, folder, or short name such as splade-tiny.")],
    output: Annotated[
        Path,
        typer.Option(
            metavar="FILE.parquet|FOLDER",
            help="The file to write, or a folder of such files, which --resume can continue.",
        ),
    ],
    queries: Annotated[
        bool, typer.Option("--queries", help="The input is queries: encode them as such.")
    ] = False,
    max_length: MaxLengthOption = None,
    precision: PrecisionOption = None,
    method: MethodOption = None,
    template: TemplateOption = None,
    query_model: QueryModelOption = None,
    query_weights: QueryWeightsOption = None,
    fold: FoldOption = None,
    on_long: OnLongOption = OnLong.TRUNCATE,
    stride: StrideOption = None,
    backend: BackendOption = "auto",
    engine: EngineOption = LOCAL,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the folder of an interrupted encoding.")
    ] = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Encode texts and write one row a text: id, terms (ids), weights.

    The output carries the model's vocabulary and settings, so `lsr index OUTPUT` makes an index
    that answers questions as text. A file appears once it is whole, a folder fills file by file.

    Example: printf '{"id": "1", "text": "the cat drank milk"}' | lsr encode - --model splade-tiny
    --output vectors.parquet
    """
    from lsr.corpus.vector_file import VectorFileWriter

    set_quiet(quiet)
    is_folder = _is_folder(output, queries, resume)
    if queries and engine != LOCAL:
        raise typer.BadParameter("Queries are few, and encoded here: leave out --engine.")
    started = time.perf_counter()
    encoder = EncoderOptions(
        model=model,
        max_length=max_length,
        precision=precision,
        method=method,
        query_model=query_model,
        query_weights=query_weights,
        fold=fold,
        passages=parsed_passages(on_long, stride),
        template=template,
    ).load(backend)
    with encoding_engine(engine, backend) as stream:
        if is_folder:
            count = _encode_to_folder(input, encoder, stream, output, on_long, resume)
        else:
            with VectorFileWriter(output, encoder.tokens, encoder.settings) as writer:
                if queries:
                    count = _encode_queries(input, encoder, writer)
                else:
                    count = _encode_documents(input, encoder, stream, writer, on_long)
    seconds = time.perf_counter() - started
    if json:
        emit_json(count.facts(seconds, output))
    else:
        emit(count.summary(seconds, output, encoder))


class _VectorWriter(Protocol):
    def write(self, ids: Sequence[str], vectors: SparseBatch) -> None: ...


class _Count:
    """What was done, and a bar that shows it."""

    def __init__(self, bar: Bar, n_resumed: int = 0) -> None:
        self.n_texts = self.n_weights = self.n_tokens = self.n_truncated = 0
        self.n_resumed = n_resumed
        self._bar = bar
        bar.advance(n_resumed)

    def encoded(self, n_texts: int, n_tokens: int) -> None:
        """Count texts that were encoded."""
        self.n_tokens += n_tokens
        self._bar.advance(n_texts, n_tokens)

    def truncated(self, row: int) -> None:
        """Count a text that was cut."""
        self.n_truncated += 1

    def written(self, vectors: SparseBatch) -> None:
        """Count vectors that were written."""
        self.n_texts += len(vectors)
        self.n_weights += vectors.nnz

    def facts(self, seconds: float, output: Path) -> dict[str, object]:
        """Return all counts as JSON values."""
        return {
            "texts": self.n_texts,
            "resumed": self.n_resumed,
            "weights": self.n_weights,
            "tokens": self.n_tokens,
            "truncated": self.n_truncated,
            "seconds": round(seconds, 3),
            "output": str(output),
        }

    def summary(self, seconds: float, output: Path, encoder: Encoder) -> str:
        """Return all counts as a sentence."""
        tokens = f" of {self.n_tokens:,} tokens" if self.n_tokens else ""
        token_rate = f", {self.n_tokens / seconds:,.0f} tokens/s" if self.n_tokens else ""
        before = f", after {self.n_resumed:,} that were there" if self.n_resumed else ""
        cut = f"{self.n_truncated:,} cut at {encoder.settings['max_length']} tokens"
        return (
            f"{self.n_texts:,} texts{tokens} to {output} in {seconds:.1f} s "
            f"({self.n_texts / seconds:,.0f}/s{token_rate}){before}, "
            f"{self.n_weights / max(1, self.n_texts):.1f} terms each"
            f"{f'; {cut}' if self.n_truncated else ''}."
        )


def _is_folder(output: Path, queries: bool, resume: bool) -> bool:
    """Say whether the output is a folder, having looked whether the other options suit it."""
    is_folder = output.is_dir() or not output.suffix
    if not is_folder and output.suffix != ".parquet":
        raise typer.BadParameter(
            f"--output must end in .parquet or be a folder, not end in {output.suffix!r}."
        )
    if is_folder and queries:
        raise typer.BadParameter("Queries go to one file: --output must end in .parquet.")
    if resume and not is_folder:
        raise typer.BadParameter("--resume needs --output to be a folder, not a file.")
    return is_folder


def _encode_to_folder(
    source: str,
    encoder: Encoder,
    stream: EncodeStream,
    output: Path,
    on_long: OnLong,
    resume: bool,
) -> _Count:
    from lsr.cli.vector_shards import ShardWriter, folder_to_write, telling_what_is_kept

    folder = folder_to_write(output, source, encoder, resume)
    writer = ShardWriter(output, folder, encoder.tokens)
    with telling_what_is_kept(writer):
        count = _encode_documents(source, encoder, stream, writer, on_long, folder.n_docs)
        writer.finish()
    return count


def _encode_documents(
    source: str,
    encoder: Encoder,
    stream: EncodeStream,
    writer: _VectorWriter,
    on_long: OnLong,
    n_done: int = 0,
) -> _Count:
    from lsr.cli.progress import progress_bar
    from lsr.corpus import corpus_size, part_of, read_documents
    from lsr.encoders.text_template import encoded_text

    waiting: deque[Sequence[Document]] = deque()

    def runs() -> Iterator[Sequence[str]]:
        for batch in part_of(read_documents(source), n_done):
            _refuse_vectors(batch.vectors, source)
            waiting.append(batch.documents)
            yield [encoded_text(one, encoder.settings) for one in batch.documents]

    with progress_bar("texts", corpus_size(source, count=shows_bars())) as bar:
        count = _Count(bar, n_done)
        with closing(stream(encoder, runs(), count)) as encoded:
            for run in encoded:
                documents = waiting.popleft()
                cut = [documents[row] for row in run.truncated]
                if on_long is OnLong.ERROR:
                    refuse_long(cut, encoder)
                count.n_truncated += len(cut)
                writer.write([one.doc_id for one in documents], run.vectors)
                count.written(run.vectors)
    return count


def _encode_queries(source: str, encoder: Encoder, writer: _VectorWriter) -> _Count:
    from lsr.cli.progress import progress_bar
    from lsr.conversations import question_text
    from lsr.corpus import read_queries

    batch = read_queries(source)
    _refuse_vectors(batch.vectors, source)
    separator = encoder.separator
    vectors = encoder.encode_queries([question_text(one, separator) for one in batch.questions])
    writer.write(list(batch.query_ids), vectors)
    with progress_bar("texts", len(vectors)) as bar:
        count = _Count(bar)
        count.written(vectors)
    return count


def _refuse_vectors(vectors: SparseBatch | None, source: str) -> None:
    from lsr.errors import InvalidInputError

    if vectors is not None:
        raise InvalidInputError(
            f"{source} holds vectors, not texts to encode; give it to lsr index as it is."
        )
