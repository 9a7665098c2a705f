"""Collections of vectors whose scores tie, and indexes of them with and without shards."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

import lsr
from lsr.cluster.building import build_here, finish, shards_to_build
from lsr.cluster.planning import plan_shards, scale_of
from lsr.encoders import Backend
from lsr.index import write_lock

Row = Mapping[str, float]

FIELDS = {"year": "int"}


def write_collection(path: Path, n_docs: int, seed: int = 1) -> None:
    """Write documents of few terms and few weights, so that many scores are equal."""
    random = np.random.default_rng(seed)
    lines = [
        json.dumps({"id": f"d{number}", "year": int(random.integers(1990, 2020)), "vector": row})
        for number, row in enumerate(vectors(random, n_docs))
    ]
    path.write_text("\n".join(lines) + "\n")


def vectors(random: np.random.Generator, n_rows: int) -> list[dict[str, float]]:
    """Return vectors whose first terms are frequent and whose last are rare."""
    rows = []
    for _ in range(n_rows):
        terms = np.unique((random.pareto(1.0, 12) * 2).astype(int) % 400)
        weights = random.choice([0.5, 1.0, 1.5, 2.25], size=terms.size)
        rows.append(
            {f"t{term}": float(weight) for term, weight in zip(terms, weights, strict=True)}
        )
    return rows


def queries(n_queries: int, seed: int = 7) -> list[dict[str, float]]:
    """Return queries of the same terms."""
    return vectors(np.random.default_rng(seed), n_queries)


def plan(corpus: Path, path: Path, n_shards: int, weights: str = "uint8") -> None:
    """Plan an index of shards at `path`."""
    sources = [str(corpus)]
    scale = scale_of(sources, None, skips_bad=False) if weights == "uint8" else None
    index = lsr.Index.create(path, max_weight=scale, weights=weights, fields=FIELDS)
    plan_shards(
        index,
        sources,
        n_shards,
        memory_bytes=None,
        skips_bad=False,
        backend=Backend.AUTO,
        progress={},
        count=lambda n_docs: None,
    )


def build(corpus: Path, path: Path, n_shards: int, weights: str = "uint8") -> lsr.Index:
    """Build an index of shards at `path`."""
    plan(corpus, path, n_shards, weights)
    with write_lock(path):
        numbers, _ = shards_to_build(path)
        assert len(list(build_here(path, numbers))) == n_shards
        finish(path)
    return lsr.Index.open(path)


def build_whole(corpus: Path, path: Path, weights: str = "uint8") -> lsr.Index:
    """Build an ordinary index of the same documents."""
    documents = map(json.loads, corpus.read_text().splitlines())
    return lsr.Index.build(path, documents, weights=weights, fields=FIELDS)


def found(index: lsr.Index, k: int, where: str | None = None) -> list[list[tuple[str, float]]]:
    """Return ids and scores of all queries."""
    hits = index.search_batch(queries(12), k, where=where)
    return [[(hit.doc_id, hit.score) for hit in of_query] for of_query in hits]
