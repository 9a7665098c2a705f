"""`lsr fold`: what a network adds to queries, for documents that hold it beforehand."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from lsr.cli.output import JsonOption, QuietOption, emit, emit_json, set_quiet
from lsr.cli.table_output import ForceOption, OutputOption, refuse_output


def fold(
    questions: Annotated[
        str, typer.Argument(metavar="QUERIES", help="What people ask, as lsr search takes it.")
    ],
    model: Annotated[
        str, typer.Option(metavar="MODEL", help="Whose queries are folded into documents.")
    ],
    query_weights: Annotated[
        str,
        typer.Option(metavar="TABLE", help="Weights that queries have instead, such as idf.json."),
    ],
    output: OutputOption,
    force: ForceOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Learn from questions which terms a model adds to which words, for `lsr index --fold`.

    Some thousands of questions are needed, and no answers to them. Documents that are folded by the
    table answer queries that are weighted by TABLE as if MODEL had expanded them.

    Example: for word in price cost; do echo '{"_id": "'$word'", "text": "car '$word'"}'; done >
    asked.jsonl && lsr idf build asked.jsonl --model splade-tiny --output cars.json --force &&
    lsr fold asked.jsonl --model splade-tiny --query-weights cars.json --output fold.json --force
    """
    from lsr.corpus import read_queries
    from lsr.encoders import load_encoder
    from lsr.encoders.fold import write_fold
    from lsr.errors import InvalidInputError
    from lsr.training.fold_learning import learn_fold

    set_quiet(quiet)
    refuse_output(output, force)
    started = time.perf_counter()
    texts = [text for text in read_queries(questions).questions if isinstance(text, str)]
    if not texts:
        raise InvalidInputError(f"{questions} holds no texts, from which a fold is learned.")
    network = load_encoder(model)
    table = load_encoder(model, query_weights=query_weights)
    learned = learn_fold(network.encode_queries(texts), table.encode_queries(texts))
    write_fold(output, learned, network.tokens)
    facts = {
        "questions": len(texts),
        "terms": int((learned.added.active_dims > 0).sum()),
        "entries": learned.added.nnz,
        "output": str(output),
        "seconds": round(time.perf_counter() - started, 3),
    }
    if json:
        emit_json(facts)
        return
    emit(
        f"{facts['terms']:,} terms of documents add to {facts['entries']:,} words, learned from "
        f"{len(texts):,} questions in {facts['seconds']:.1f} s: {output}."
    )
