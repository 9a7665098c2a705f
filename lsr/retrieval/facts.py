"""What does an index hold, and how was it made? Counts, sizes and settings, as JSON values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lsr.index import Searcher


def index_facts(path: Path, searcher: Searcher) -> dict[str, Any]:
    """Return the facts of a commit.

    ``search_bytes`` are all that sparse search and filters read: postings, bounds, ids, deletions,
    fields and term names; only the documents themselves and their dense rows are not among them.
    """
    manifest = searcher.manifest
    segments, vocabulary = manifest.segments, manifest.vocabulary
    files = [file for one in segments for file in one.files]
    files += [vocabulary.names] if vocabulary.names else []
    size_bytes = sum(file.size_bytes for file in files)
    document_bytes = sum(one.documents.size_bytes for one in segments)
    dense_bytes = sum(one.dense.size_bytes for one in segments if one.dense)
    search_bytes = size_bytes - document_bytes - dense_bytes
    n_postings = searcher.n_postings
    return {
        "path": str(path),
        "commit": manifest.commit,
        "n_docs": searcher.n_docs,
        "n_deleted": sum(one.n_deleted for one in segments),
        "n_postings": n_postings,
        "n_terms": vocabulary.n_terms,
        "vocabulary": vocabulary.kind.value,
        "vocabulary_fingerprint": vocabulary.fingerprint,
        "encoder": manifest.encoder,
        "weights": manifest.weights.value,
        "max_weight": manifest.max_weight,
        "n_clipped": sum(one.n_clipped for one in segments),
        "prune": manifest.prune,
        "fields": {name: kind.value for name, kind in manifest.fields.items()},
        "dense_size": manifest.dense_size,
        "size_bytes": size_bytes,
        "search_bytes": search_bytes,
        "document_bytes": document_bytes,
        "dense_bytes": dense_bytes,
        "search_bytes_per_posting": search_bytes / n_postings if n_postings else 0.0,
        "terms_per_document": n_postings / max(1, sum(one.n_docs for one in segments)),
        "properties": manifest.properties,
        "segments": [
            {
                "name": one.name,
                "n_docs": one.n_docs,
                "n_deleted": one.n_deleted,
                "n_postings": one.n_postings,
            }
            for one in segments
        ],
    }
