"""`lsr index`: text or vectors in, a committed index out."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lsr.cli.encoder_options import (
    BackendOption,
    EncoderOptions,
    FoldOption,
    MaxLengthOption,
    MethodOption,
    ModelOption,
    PrecisionOption,
    QueryModelOption,
    QueryWeightsOption,
    TemplateOption,
)
from lsr.cli.engine_option import LOCAL, EngineOption
from lsr.cli.index_report import IndexReport
from lsr.cli.index_target import opened_or_created
from lsr.cli.long_texts import OnLong, OnLongOption, StrideOption, parsed_passages, refuse_long
from lsr.cli.output import (
    IndexOption,
    JsonOption,
    QuietOption,
    emit,
    emit_json,
    note,
    parse_size,
    set_quiet,
)
from lsr.cli.resuming import BuildPlan, Position, telling_what_is_kept

if TYPE_CHECKING:
    from lsr.documents import DocumentBatch
    from lsr.retrieval import Index, Writer


class OnError(StrEnum):
    """What to do about a record that cannot be indexed."""

    FAIL = "fail"
    SKIP = "skip"


def index(
    corpus: Annotated[
        list[str],
        typer.Argument(
            metavar="CORPUS...",
            help="Files (.jsonl .json .csv .tsv .ciff .parquet .npz, also .gz .zst), BEIR folders, "
            "irds:ID, or - for JSON lines on stdin.",
        ),
    ],
    index: IndexOption,
    model: ModelOption = None,
    max_length: MaxLengthOption = None,
    precision: PrecisionOption = None,
    method: MethodOption = None,
    template: TemplateOption = None,
    query_model: QueryModelOption = None,
    query_weights: QueryWeightsOption = None,
    fold: FoldOption = None,
    backend: BackendOption = "auto",
    max_weight: Annotated[
        float | None,
        typer.Option(help="Largest weight that the 8-bit impacts must hold; fitted if unset."),
    ] = None,
    weights: Annotated[
        str, typer.Option(metavar="uint8|float32", help="Store weights in 8 bits, or as they are.")
    ] = "uint8",
    prune: Annotated[
        str | None,
        typer.Option(
            metavar="RULE",
            help="Leave out the lightest weights of each document: max_ratio:R, abs_value:V, "
            "alpha_mass:A or top_k:N.",
        ),
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:KIND",
            help="Metadata that filters can name: str, int, float, bool or tags.",
        ),
    ] = None,
    memory: Annotated[
        int | None,
        typer.Option(
            metavar="SIZE",
            parser=parse_size,
            help="Memory to use beside the model, such as 512MB; a quarter of the machine's if "
            "unset.",
        ),
    ] = None,
    on_error: Annotated[
        OnError, typer.Option(help="Stop at a record that cannot be indexed, or skip it.")
    ] = OnError.FAIL,
    on_long: OnLongOption = OnLong.TRUNCATE,
    stride: StrideOption = None,
    update: Annotated[
        bool, typer.Option("--update", help="Replace documents that have the id of a new one.")
    ] = False,
    shards: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Build a new index in N parts, which --resume keeps one by one.",
        ),
    ] = None,
    engine: EngineOption = LOCAL,
    force: Annotated[bool, typer.Option("--force", help="Replace the index at DIR.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue a build that was interrupted.")
    ] = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Index documents: text is encoded with MODEL, vectors are taken as they are.

    Adds to the index at DIR when there is one. Nothing changes there until the end: an error, a
    full disk or Ctrl-C leaves it as it was, and keeps finished work for --resume.

    Example: printf '{"id": "1", "text": "the cat drank milk"}' | lsr index - --index idx
    --model splade-tiny --force
    """
    from lsr.cli.progress import progress_bar
    from lsr.corpus import corpus_size

    set_quiet(quiet)
    started = time.perf_counter()
    path = Path(index)
    encoder_options = EncoderOptions(
        model=model,
        max_length=max_length,
        precision=precision,
        method=method,
        query_model=query_model,
        query_weights=query_weights,
        fold=fold,
        passages=parsed_passages(on_long, stride),
        template=template,
    )
    options = {
        **encoder_options.settings(),
        **{"max-weight": max_weight, "weights": weights, "prune": prune, "field": field or []},
        **{"on-error": on_error.value, "update": update, "shards": shards},
    }
    plan = BuildPlan.of(corpus, options)
    position, replace = _start(plan, path, resume, force)
    if shards is not None or engine != LOCAL:
        from lsr.cli.sharded_index import index_in_shards

        index_in_shards(
            plan, path, encoder_options, backend, memory, on_long, replace, resume, engine, json
        )
        return
    target = opened_or_created(corpus, path, options, encoder_options, backend, replace)
    sizes = [corpus_size(source) for source in corpus]
    total = None if None in sizes else sum(size or 0 for size in sizes)
    with (
        telling_what_is_kept(path),
        target.writer(memory_bytes=memory, resume=resume) as writer,
        progress_bar("documents", total) as bar,
    ):
        n_resumed = writer.resumed.n_docs if writer.resumed else 0
        bar.advance(n_resumed)
        report = IndexReport(bar, target.encoded_text)
        _add_all(writer, corpus, plan, position, target, on_error, on_long, update, report)
        writer.commit()
    report.finish()
    seconds = time.perf_counter() - started
    facts = target.info()
    if json:
        emit_json(
            {
                "added": n_resumed + report.n_docs,
                "resumed": n_resumed,
                "skipped": report.n_skipped,
                "empty": report.n_empty,
                "truncated": report.n_truncated,
                "tokens": report.n_tokens,
                "seconds": round(seconds, 3),
                "index": facts,
            }
        )
        return
    tokens = f"; {report.n_tokens / seconds:,.0f} tokens/s" if report.n_tokens else ""
    before = f", after {n_resumed:,} of the interrupted build" if n_resumed else ""
    emit(
        f"{report.n_docs:,} documents added to {index} in {seconds:.1f} s "
        f"({report.n_docs / seconds:,.0f}/s{tokens}){before}; "
        f"it holds {facts['n_docs']:,} documents now (segments: {len(facts['segments'])}, "
        f"{facts['size_bytes'] / 1e6:,.1f} MB)."
    )


def _start(plan: BuildPlan, path: Path, resume: bool, force: bool) -> tuple[Position, bool]:
    """Return where to start to read, and whether to replace the index at `path`."""
    from lsr.errors import ConfigError
    from lsr.index import is_index, read_checkpoint, refuse_unfinished

    if not resume:
        if not force:
            refuse_unfinished(path)
        return Position(), force
    if not plan.is_repeatable:
        raise ConfigError(
            "Standard input cannot be read again from where it stopped; --resume needs files."
        )
    unfinished = read_checkpoint(path)
    if unfinished is None:
        note(f"note: {path} holds no interrupted build; starting at the beginning.")
        return Position(), force
    if force and is_index(path) and not unfinished.replaces:
        raise ConfigError(
            f"The interrupted build adds to the index at {path}, and --force would replace it; "
            "leave out one of --resume and --force."
        )
    return plan.position_in(unfinished, path), unfinished.replaces or force


def _add_all(
    writer: Writer,
    corpus: Sequence[str],
    plan: BuildPlan,
    start: Position,
    target: Index,
    on_error: OnError,
    on_long: OnLong,
    update: bool,
    report: IndexReport,
) -> None:
    from lsr.corpus import part_of, read_documents

    skip = report.skip if on_error is OnError.SKIP else None
    read: deque[tuple[Position, bool]] = deque()

    def batches() -> Iterator[DocumentBatch]:
        for source in range(start.source, len(corpus)):
            n_read = start.n_read if source == start.source else 0
            for batch in part_of(read_documents(corpus[source], skip_bad=skip), n_read):
                n_read += len(batch.documents)
                read.append((Position(source, n_read), batch.vectors is not None))
                report.look_at(batch)
                yield batch

    with closing(writer.add_batches(batches(), report, update=update, skip_bad=skip)) as stream:
        for added in stream:
            position, brought_vectors = read.popleft()
            if on_long is OnLong.ERROR and added.truncated:
                refuse_long(added.truncated, target.encoder)
            report.add(added, brought_vectors=brought_vectors)
            if plan.is_repeatable and writer.is_checkpoint_due:
                writer.checkpoint(plan.progress(position))
