"""`lsr demo`: search the documentation of the Python packages installed here."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lsr.cli.output import (
    Bar,
    JsonOption,
    QuietOption,
    console,
    emit_json,
    note,
    set_quiet,
    stdout,
)

if TYPE_CHECKING:
    from lsr.hit_views import HitView
    from lsr.retrieval import Index

QUESTIONS = (
    # The standard library answers the first. SciPy and NetworkX, which the extra [demo] installs
    # to be read, answer the second and the third.
    "measure how long a small piece of code takes to run",
    "how do I fit a smooth curve through noisy points",
    "shortest path between two nodes of a graph",
)
_HITS_SHOWN = 3
_FINGERPRINT = "demo_corpus"
_BATCH_DOCS = 1024  # the bar moves and Ctrl-C is heard between batches


def demo(
    index: Annotated[str, typer.Option("--index", help="Folder of the index.")] = "demo-index",
    model: Annotated[
        str, typer.Option("--model", help="Hub id, folder, or short name of the encoder.")
    ] = "splade-tiny",
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Index again even if nothing has changed.")
    ] = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Index the documentation of the Python packages here and answer three questions.

    The documents are the docstrings of the standard library and of well-known packages, read from
    their source files. A second run uses the index of the first unless packages have changed.

    Example: lsr demo --index demo-index
    """
    set_quiet(quiet or json)
    started = time.perf_counter()
    opened, n_added = _open_or_build(Path(index), model, rebuild)
    seconds = time.perf_counter() - started
    n_docs = opened.info()["n_docs"]
    if json:
        facts = {"index": index, "n_docs": n_docs, "n_added": n_added, "seconds": seconds}
        emit_json({**facts, "questions": [_answered_json(opened, one) for one in QUESTIONS]})
        return
    with console.status("Answering three questions ..."):  # the first search compiles kernels
        answers = [_hit_views(opened, question) for question in QUESTIONS]
    if n_added:
        stdout.print(
            f"Indexed {n_added:,} docstrings in {seconds:.1f} s ({n_added / seconds:,.0f}/s), "
            f"kept in {index}."
        )
    else:
        stdout.print(f"Using {index} with {n_docs:,} docstrings: no package has changed.")
    stdout.print("Terms that the model added to a question are marked with +.")
    for question, views in zip(QUESTIONS, answers, strict=True):
        _show(question, views)
    _suggest(opened, index)


def _open_or_build(path: Path, model: str, rebuild: bool) -> tuple[Index, int]:
    """Return the index and how many documents were added to it now."""
    from lsr.demo.docstrings import corpus_fingerprint
    from lsr.errors import IndexExistsError
    from lsr.index import is_index
    from lsr.retrieval import Index

    fingerprint = corpus_fingerprint()
    if is_index(path):
        opened = Index.open(path)
        facts = opened.info()
        if _FINGERPRINT not in facts["properties"]:
            raise IndexExistsError(
                f"{path} is an index of other documents; choose another folder with --index."
            )
        is_current = facts["properties"][_FINGERPRINT] == fingerprint
        if is_current and not rebuild and facts["encoder"]["model"] == model:
            return opened, 0
    return _build(path, model, fingerprint)


def _build(path: Path, model: str, fingerprint: str) -> tuple[Index, int]:
    from lsr.cli.progress import progress_bar
    from lsr.demo.docstrings import FIELDS, docstring_documents
    from lsr.documents import DocumentBatch
    from lsr.encoders import load_encoder
    from lsr.retrieval import Index

    note(f"Loading the model {model} ...")
    encoder = load_encoder(model)
    index = Index.create(
        path,
        encoder=encoder,
        fields=FIELDS,
        properties={_FINGERPRINT: fingerprint},
        replace=True,
    )
    with console.status("Reading the documentation of the installed packages ..."):
        documents = list(docstring_documents())
    with index.writer() as writer, progress_bar("docstrings", len(documents)) as bar:
        listener = _Advance(bar)
        for start in range(0, len(documents), _BATCH_DOCS):
            writer.add(DocumentBatch(documents[start : start + _BATCH_DOCS]), listener)
        writer.commit()
    return index, len(documents)


class _Advance:
    """Moves a bar as texts are encoded; docstrings are expected to be cut."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar

    def encoded(self, n_texts: int, n_tokens: int) -> None:
        """Move the bar."""
        self._bar.advance(n_texts)

    def truncated(self, row: int) -> None:
        """Accept it: the first sentences of a docstring say what it is about."""


def _hit_views(index: Index, question: str) -> list[HitView]:
    from lsr.hit_views import hit_views

    return hit_views(index, question, index.search(question, _HITS_SHOWN))


def _show(question: str, views: list[HitView]) -> None:
    from lsr.cli.rendering import render_hits

    stdout.print()
    render_hits(question, views, stdout)


def _answered_json(index: Index, question: str) -> dict[str, Any]:
    views = _hit_views(index, question)
    return {"question": question, "hits": [view.as_dict() for view in views]}


def _suggest(index: Index, path: str) -> None:
    """Print commands that work as they stand."""
    place = shlex.quote(path)
    best = index.search(QUESTIONS[0], 1)
    commands = [
        f'search "solve a differential equation" --index {place}',
        f'search "copy a directory tree recursively" --index {place} --json',
        f"info --index {place}",
        "doctor",
    ]
    if best:
        commands.insert(
            1, f'explain "{QUESTIONS[0]}" {shlex.quote(best[0].doc_id)} --index {place}'
        )
    stdout.print("\nNext:")
    for command in commands:
        stdout.print(f"  {_program()} {command}", soft_wrap=True)
    if find_spec("granian"):  # of the extra [serve]
        stdout.print("\nSearch in a browser, at http://127.0.0.1:8080:")
        stdout.print(f"  {_program()} serve {place}", soft_wrap=True)


def _program() -> str:
    """Return how to call `lsr` from here: by its path when its environment is not active."""
    own = Path(sys.argv[0]).absolute()
    if own.name != "lsr" or shutil.which("lsr") == str(own):
        return "lsr"
    is_below = own.is_relative_to(Path.cwd())
    return shlex.quote(str(own.relative_to(Path.cwd()) if is_below else own))
