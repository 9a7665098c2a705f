"""`lsr info`: what an index holds and how it was made."""

from __future__ import annotations

from typing import Any

from lsr.cli.output import JsonOption, PublishedIndexOption, emit, emit_json

CARDS = {"": "card", " (queries)": "query_card"}
"""Settings of an encoder that say what its models may be used for."""


def info(index: PublishedIndexOption, json: JsonOption = False) -> None:
    """Print counts, sizes, model and settings of an index.

    The size for search is that of postings, bounds, ids, fields and term names: all but the texts
    and the dense half.

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
        "licence": _licences(encoder or {}),
        "settings": ", ".join(
            f"{name} {value}"
            for name, value in (encoder or {}).items()
            if name not in CARDS.values()
        ),
        "weights": _weights(facts),
        "dense": f"{facts['dense_size']:,} numbers a document" if facts["dense_size"] else "",
        "fields": ", ".join(f"{name} {kind}" for name, kind in facts["fields"].items()),
        "size": f"{facts['size_bytes'] / 1e6:,.2f} MB: search {facts['search_bytes'] / 1e6:,.2f} "
        f"({facts['search_bytes_per_posting']:.2f} bytes a posting), "
        f"documents {facts['document_bytes'] / 1e6:,.2f}"
        + (f", dense half {facts['dense_bytes'] / 1e6:,.2f}" if facts["dense_size"] else ""),
        "commit": str(facts["commit"]),
    }
    for name, value in rows.items():
        if value:
            emit(f"{name:<12}{value}")


def _licences(encoder: dict[str, Any]) -> str:
    """Say what the model cards say of the use of the models that made the vectors."""
    from lsr.encoders.model_card import ModelCard

    return "; ".join(
        f"{ModelCard.of_dict(encoder[name]).summary}{side}"
        for side, name in CARDS.items()
        if name in encoder
    )


def _weights(facts: dict[str, Any]) -> str:
    if facts["weights"] == "float32":
        stored = "float32, as they came"
    else:
        stored = (
            f"8-bit impacts, up to {facts['max_weight'] or 0:g}; {facts['n_clipped']:,} clipped"
        )
    return f"{stored}; pruned by {facts['prune']}" if facts["prune"] else stored
