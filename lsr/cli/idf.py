"""`lsr idf`: weights of query terms for inference-free search, from any corpus."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lsr.cli.encoder_options import TemplateOption
from lsr.cli.output import (
    JsonOption,
    QuietOption,
    add_command,
    emit,
    emit_json,
    set_quiet,
)
from lsr.cli.table_output import ForceOption, OutputOption, refuse_output

if TYPE_CHECKING:
    from lsr.encoders.idf import TermCounter, TermCounts

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

_FORMULA = "formula"


def _parsed_unseen(text: str | None) -> float | None:
    """Read the value of --unseen; None stands for the formula's."""
    if text is None or text == _FORMULA:
        return None
    try:
        weight = float(text)
    except ValueError:
        weight = -1.0
    if not 0 <= weight < math.inf:
        raise typer.BadParameter(f"--unseen is {text!r}; write {_FORMULA} or a weight such as 0.")
    return weight


UnseenOption = Annotated[
    str | None,
    typer.Option(
        metavar="formula|WEIGHT",
        help="Weight of tokens that no document holds: the formula's at a frequency of 0, the "
        "largest of all; or a number. Unset: formula, or what the merged tables have.",
    ),
]


@app.callback()
def idf() -> None:
    """Weigh query terms by how rare they are, so that queries need no model."""


def build(
    corpus: Annotated[
        list[str],
        typer.Argument(
            metavar="CORPUS...", help="Texts, in any form that lsr index takes; - for stdin."
        ),
    ],
    model: Annotated[
        str, typer.Option(metavar="MODEL", help="Whose tokenizer: hub id, folder, or short name.")
    ],
    output: OutputOption,
    template: TemplateOption = None,
    unseen: UnseenOption = None,
    force: ForceOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Count in how many documents each token occurs, and write a weight for every token.

    idf = ln(1 + (N - df + 1/2) / (df + 1/2)) over the N documents that have a token. Texts are
    counted whole, fields joined by the --template, if any. What was counted is written to
    FILE.counts.json, for show and merge.

    Example: printf '{"id": "1", "text": "the cat drank milk"}' | lsr idf build -
    --model splade-tiny --output idf.json --force
    """
    from lsr.cli.progress import progress_bar
    from lsr.corpus import corpus_size
    from lsr.encoders.idf import TermCounter
    from lsr.encoders.idf_file import write_idf
    from lsr.encoders.text_template import SETTING, TextTemplate
    from lsr.encoders.tokenizer_loading import load_tokenizer

    set_quiet(quiet)
    weight = _parsed_unseen(unseen)
    refuse_output(output, force)
    settings = {} if template is None else {SETTING: TextTemplate(template).pattern}
    counter = TermCounter(load_tokenizer(model))
    started = time.perf_counter()
    sizes = [corpus_size(source) for source in corpus]
    total = None if None in sizes else sum(size or 0 for size in sizes)
    with progress_bar("documents", total) as bar:
        for source in corpus:
            for n_docs in _count(source, settings, counter):
                bar.advance(n_docs)
    counts = counter.counts(
        [source if template is None else f"{source} as {template}" for source in corpus]
    )
    write_idf(output, counts, weight)
    _report(counts, weight, output, time.perf_counter() - started, json)


def merge(
    tables: Annotated[
        list[Path], typer.Argument(metavar="TABLE...", help="Two or more, of one tokenizer.")
    ],
    output: OutputOption,
    unseen: UnseenOption = None,
    force: ForceOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write the table that one build over all corpora would have given, without reading them.

    A document that stands in several corpora counts in each.

    Example: for word in cat dog; do echo '{"id": "1", "text": "'$word'"}' | lsr idf build -
    --model splade-tiny --output $word.json --force; done; lsr idf merge cat.json dog.json
    --output pets.json --force
    """
    from lsr.encoders.idf import TermCounts
    from lsr.encoders.idf_file import read_idf, write_idf
    from lsr.errors import ConfigError

    set_quiet(quiet)
    started = time.perf_counter()
    if len(tables) < 2:
        raise typer.BadParameter("Give two tables or more; there is nothing to merge in one.")
    weight = _parsed_unseen(unseen)
    refuse_output(output, force)
    found = [read_idf(table) for table in tables]
    if unseen is None:
        policies = {policy for _, policy in found}
        if len(policies) > 1:
            raise ConfigError(
                "The tables weigh unseen tokens differently "
                f"({', '.join(sorted(map(_policy_name, policies)))}); choose one with --unseen."
            )
        (weight,) = policies
    counts = reduce(TermCounts.merged, (counts for counts, _ in found))
    write_idf(output, counts, weight)
    _report(counts, weight, output, time.perf_counter() - started, json)


def show(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="Of idf build, or of others.")],
    top: Annotated[int, typer.Option(min=0, help="Tokens to print from either end.")] = 10,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Print what a table was counted from, and its heaviest and lightest tokens.

    A table without counts beside it shows its weights alone. Tokens of weight 0 and tokens that no
    document holds are counted, not listed.

    Example: printf '{"id": "1", "text": "the cat drank milk"}' | lsr idf build -
    --model splade-tiny --output shown.json --force && lsr idf show shown.json --top 3
    """
    from lsr.encoders.idf_file import counts_file, read_idf
    from lsr.encoders.query_table import read_named_weights

    set_quiet(quiet)
    named = read_named_weights(table)
    facts: dict[str, Any] = {"table": str(table), "tokens": len(named)}
    frequencies: dict[str, int] = {}
    listed = {token: weight for token, weight in named.items() if weight > 0}
    facts["without_weight"] = len(named) - len(listed)
    if counts_file(table).is_file():
        counts, unseen = read_idf(table)
        facts |= _facts(counts, unseen)
        frequencies = dict(zip(counts.tokens, counts.document_frequencies.tolist(), strict=True))
        listed = {token: weight for token, weight in listed.items() if frequencies[token]}
    order = sorted(listed.items(), key=lambda one: -one[1])
    ends = {"heaviest": order[:top], "lightest": order[::-1][:top]}
    if json:
        emit_json(facts | {name: dict(rows) for name, rows in ends.items()})
        return
    for name, value in facts.items():
        shown = ", ".join(value) if isinstance(value, list) else value
        emit(f"{name:<16}{shown:,}" if isinstance(value, int) else f"{name:<16}{shown}")
    for name, rows in ends.items():
        emit(f"\n{name}")
        for token, weight in rows:
            documents = f"{frequencies[token]:>12,} documents" if frequencies else ""
            emit(f"  {token:<24}{weight:>9.4f}{documents}")


def _count(source: str, settings: dict[str, str], counter: TermCounter) -> Iterator[int]:
    """Count what an encoder of these settings reads of a corpus, and yield the size of batches."""
    from lsr.corpus import read_documents
    from lsr.encoders.text_template import encoded_text
    from lsr.errors import InvalidInputError

    for batch in read_documents(source):
        texts = [encoded_text(document, settings) for document in batch.documents]
        if batch.vectors is not None and not any(texts):
            raise InvalidInputError(
                f"{source} holds vectors without texts, but tokens are counted in texts; pass the "
                "corpus that was encoded."
            )
        counter.add(texts)
        yield len(texts)


def _report(
    counts: TermCounts, unseen: float | None, output: Path, seconds: float, json: bool
) -> None:
    if json:
        facts = _facts(counts, unseen)
        emit_json(facts | {"seconds": round(seconds, 3), "table": str(output)})
        return
    n_docs = counts.n_docs + counts.n_empty
    empty = f"; {counts.n_empty:,} without text do not count" if counts.n_empty else ""
    emit(
        f"{n_docs:,} documents counted in {seconds:.1f} s ({n_docs / seconds:,.0f}/s){empty}. "
        f"{output} weighs {len(counts.tokens):,} tokens, {int(counts.is_unseen.sum()):,} of them "
        f"in no document (unseen: {_policy_name(unseen)})."
    )


def _facts(counts: TermCounts, unseen: float | None) -> dict[str, Any]:
    n_unseen = int(counts.is_unseen.sum())
    return {
        "model": counts.model,
        "vocabulary": counts.fingerprint,
        "corpora": list(counts.corpora),
        "documents": counts.n_docs,
        "empty": counts.n_empty,
        "special": int(counts.is_special.sum()),
        "unseen": n_unseen,
        "unseen_share": round(n_unseen / len(counts.tokens), 4),
        "unseen_weight": _policy_name(unseen),
    }


def _policy_name(unseen: float | None) -> str:
    return _FORMULA if unseen is None else f"{unseen:g}"


for verb in (build, show, merge):
    add_command(app, verb)
