"""`lsr delete`: documents out of an index, by id."""

from __future__ import annotations

from typing import Annotated

import typer

from lsr.cli.output import IndexOption, JsonOption, QuietOption, emit, emit_json, set_quiet


def delete(
    doc_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of documents.")],
    index: IndexOption,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Delete documents; nothing is deleted when one of the ids is unknown.

    Their space is freed by `lsr merge`.

    Example: printf '{"id": "1", "vector": {"cat": 2}}' | lsr index - --index pets --force &&
    lsr delete 1 --index pets
    """
    from lsr.errors import InvalidInputError
    from lsr.retrieval import Index

    set_quiet(quiet)
    doc_ids = list(dict.fromkeys(doc_ids))
    opened = Index.open(index)
    with opened.writer() as writer:
        unknown = [doc_id for doc_id in doc_ids if not writer.delete(doc_id)]
        if unknown:
            raise InvalidInputError(
                f"{index} has no document with the id {unknown[0]!r}"
                f"{f', nor {len(unknown) - 1} others given' if len(unknown) > 1 else ''}; "
                "nothing was deleted."
            )
        writer.commit()
    n_docs = opened.searcher.n_docs
    if json:
        emit_json({"deleted": len(doc_ids), "n_docs": n_docs})
    else:
        emit(f"{len(doc_ids):,} deleted; {index} holds {n_docs:,} documents now.")
