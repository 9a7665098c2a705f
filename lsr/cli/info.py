"""`lsr info`: what an index holds and how it was made."""

from __future__ import annotations

from typing import Any

from lsr.cli.output import IndexOption, JsonOption, emit, emit_json


def info(index: IndexOption, json: JsonOption = False) -> None:
    """Print counts, sizes, model and settings of an index.

    The size for search is that of postings, bounds, ids, fields and term names: all but the texts.

    Example: lsr info --index demo-index
    """
    from lsr.retrieval import Index

    facts = Index.open(index).info()
    if json:
        emit_json(facts)
        return
    encoder = facts["encoder"]
    rows = {
        "documents": f"{facts['n_docs']:,} (segments: {len(facts['segments'])}, "
        f"deleted: {facts['n_deleted']:,})",
        "postings": f"{facts['n_postings']:,}, {facts['terms_per_document']:.1f} a document",
        "vocabulary": f"{facts['n_terms']:,} terms ({facts['vocabulary']})",
        "model": encoder["model"] if encoder else "none: built from vectors",
        "settings": ", ".join(f"{name} {value}" for name, value in (encoder or {}).items()),
        "weights": _weights(facts),
        "fields": ", ".join(f"{name} {kind}" for name, kind in facts["fields"].items()),
        "size": f"{facts['size_bytes'] / 1e6:,.2f} MB: search {facts['search_bytes'] / 1e6:,.2f} "
        f"({facts['search_bytes_per_posting']:.2f} bytes a posting), "
        f"documents {facts['document_bytes'] / 1e6:,.2f}",
        "commit": str(facts["commit"]),
    }
    for name, value in rows.items():
        if value:
            emit(f"{name:<12}{value}")


def _weights(facts: dict[str, Any]) -> str:
    if facts["weights"] == "float32":
        stored = "float32, as they came"
    else:
        stored = (
            f"8-bit impacts, up to {facts['max_weight'] or 0:g}; {facts['n_clipped']:,} clipped"
        )
    return f"{stored}; pruned by {facts['prune']}" if facts["prune"] else stored
