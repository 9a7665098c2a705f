"""An index to export, what it holds by an independent account, and the ranks that follow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lsr.index import Searcher
from lsr.retrieval import Index

Vectors = dict[str, dict[str, float]]

TERMS = ["cat", "##x", ".", "é", "zoo", "\u0120dog", "10", "9", "a:b", "\U0001f600"]
"""Names as tokenizers give them; none holds white space."""

DELETED = ("d3", "d20", "d21", "d39")


def make_index(path: Path, *, n_docs: int = 40, **settings: object) -> Index:
    """Index random vectors in three commits, of which the second and third know more terms.

    Some documents have no terms, many tie, and those of `DELETED` are deleted.
    """
    rng = np.random.default_rng(7)
    index = Index.create(path, **settings)  # type: ignore[arg-type]
    bounds = [0, n_docs // 3, n_docs // 2, n_docs]
    for part in range(3):
        known = TERMS[: 6 + 2 * part]
        with index.writer() as writer:
            for number in range(bounds[part], bounds[part + 1]):
                chosen = rng.choice(len(known), rng.integers(0, 5), replace=False).tolist()
                weights = rng.choice([0.25, 0.5, 1.0, 1.1, 2.5, 3.0], len(chosen)).tolist()
                vector = {known[at]: weight for at, weight in zip(chosen, weights, strict=True)}
                text = f"text {number} \u2028 \N{SNOWMAN}"
                fields = {"title": "T" * (number % 2), "text": text, "year": 2000 + number}
                writer.add({"id": f"d{number}", **fields, "vector": vector})
            writer.commit()
    with index.writer() as writer:
        assert all(writer.delete(doc_id) for doc_id in DELETED if int(doc_id[1:]) < n_docs)
        writer.commit()
    return index


def stored_values(searcher: Searcher) -> Vectors:
    """Read what postings hold of every document that is not deleted, one by one."""
    names = searcher.vocabulary.names
    found: Vectors = {}
    for segment in searcher.segments:
        for number in range(segment.n_docs):
            if not segment.is_deleted(number):
                (values,) = segment.impacts_of([number], range(segment.n_terms)).tolist()
                pairs = zip(names, values, strict=False)
                found[segment.doc_ids[number]] = {name: value for name, value in pairs if value}
    return found


def ranks(vectors: Mapping[str, Mapping[str, float]], query: Mapping[str, int]) -> list[str]:
    """Rank documents by dot product, ties in the order in which they come."""
    scores = {
        doc_id: sum(query[term] * value for term, value in vector.items() if term in query)
        for doc_id, vector in vectors.items()
    }
    return sorted((one for one in scores if scores[one]), key=lambda one: -scores[one])


QUERIES: list[dict[str, int]] = [
    {"cat": 3, "zoo": 1},
    {"##x": 1, ".": 2, "é": 7},
    {"9": 5, "a:b": 1, "\U0001f600": 200, "\u0120dog": 3},
    {"unknown": 4},
    dict.fromkeys(TERMS, 1),
]


def found_ranks(index: Index, query: Mapping[str, int]) -> list[str]:
    """Return the ids of all hits of an index, best first."""
    known = {term: weight for term, weight in query.items() if term in TERMS}
    return [hit.doc_id for hit in index.search(known, k=1000)] if known else []
