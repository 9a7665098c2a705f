"""`lsr pseudo-queries`: a dataset to learn from, made of a corpus alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lsr.cli.output import JsonOption, QuietOption, emit, emit_json, set_quiet


def pseudo_queries(
    corpus: Annotated[str, typer.Argument(help="Documents, as `lsr index` takes them.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of the dataset.")
    ],
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Make queries of documents that nobody has asked about, for `lsr train`.

    Of each document its title, or one of its sentences, is taken out and becomes the query that
    the rest answers. The folder is in BEIR's layout; its judgments are the split train.

    Example: printf '{"id": "1", "text": "The cat drank milk. Then it slept."}' > milk.jsonl &&
    lsr pseudo-queries milk.jsonl --output milk
    """
    from lsr.corpus import read_documents
    from lsr.training.pseudo_queries import pseudo_queries as asked_of
    from lsr.training.pseudo_queries import write_dataset

    set_quiet(quiet)
    documents = (one for batch in read_documents(corpus) for one in batch.documents)
    count = write_dataset(asked_of(documents, seed), output)
    if json:
        emit_json({"output": str(output), "queries": count})
    else:
        emit(f"{count:,} queries of as many documents in {output}.")
