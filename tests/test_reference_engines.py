"""Anserini and PISA, given the impacts of an index, find what the index finds, score for score."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import lsr as library
from lsr.corpus import read_documents
from lsr.documents import DocumentBatch
from lsr.encoders import load_encoder
from lsr.eval.bench.engines.base import Hits
from lsr.eval.bench.engines.registry import ENGINES
from lsr.eval.bench.muting import muted
from lsr.eval.bench.vectors import as_integer_queries
from lsr.eval.datasets import load_dataset
from lsr.kernels.range_coding import decode_range
from lsr.sparse import SparseBatch

pytestmark = pytest.mark.slow

N_DOCS = 5_000
K = 1_000


@dataclass(frozen=True, slots=True)
class Searched:
    """Integers as the index keeps them, and what it finds.

    Attributes:
        impacts: of the documents.
        queries: whole weights.
        hits: of each query, with integer scores.
    """

    impacts: SparseBatch
    queries: SparseBatch
    hits: list[Hits]


@pytest.fixture(scope="module")
def searched(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Searched:
    """Abstracts and questions of SciFact under splade-tiny, indexed and searched."""
    dataset = load_dataset(str(shared_data / "scifact"))
    index = library.Index.create(
        tmp_path_factory.mktemp("scifact") / "idx", encoder=load_encoder("splade-tiny")
    )
    documents = [one for batch in read_documents(dataset.corpus) for one in batch.documents]
    with index.writer() as writer:
        writer.add(DocumentBatch(documents[:N_DOCS]))
        writer.commit()
    asked = index.vectors_of(dataset.queries)
    searcher = index.searcher
    (segment,) = searcher.segments
    indptr, terms, values = decode_range(segment.postings, 0, segment.n_docs, segment.n_terms)
    impacts = SparseBatch(
        indptr.astype(np.int64), terms.astype(np.uint32), values.astype(np.float32), asked.n_terms
    )
    # Whole weights up to 255 are kept as they are, so that the engine sums the same integers.
    queries = as_integer_queries(asked)
    rankings = searcher.search_batch(queries, K)
    unit = (searcher.manifest.max_weight or 1.0) / 255
    hits = [
        [(doc, score / unit) for doc, score in rankings.hits(number)]
        for number in range(len(queries))
    ]
    return Searched(impacts, queries, hits)


def by_score(hits: Hits) -> list[tuple[int, frozenset[int]]]:
    """Return the documents at each score, best first."""
    groups: dict[int, list[int]] = defaultdict(list)
    for doc, score in hits:
        assert abs(score - round(score)) < 0.01, "scores are sums of products of integers"
        groups[round(score)].append(doc)
    assert sum(map(len, groups.values())) == len({doc for doc, _ in hits})
    return sorted(((score, frozenset(docs)) for score, docs in groups.items()), reverse=True)


def agree(ours: Hits, theirs: Hits) -> bool:
    """Whether scores are equal, and the documents at each; ties at the cut may be any."""
    *expected, (last, _) = by_score(ours)
    *found, (last_found, _) = by_score(theirs)
    return len(theirs) == len(ours) and found == expected and last_found == last


@pytest.mark.parametrize("name", ["pisa", "anserini"])
def test_a_reference_engine_gives_the_same_thousand_scores(
    name: str, searched: Searched, tmp_path: Path, evidence: Callable[[str], None]
) -> None:
    engine = ENGINES[name]()
    if why := engine.why_missing():
        pytest.skip(f"{name}: {why}")
    queries = searched.queries
    with muted():
        engine.build(searched.impacts, tmp_path)
        (variant, *_) = engine.open(tmp_path)
        singles = (engine.prepare(queries.slice(row, row + 1)) for row in range(len(queries)))
        answers = [variant.search(query, K) for query in singles]

    assert len(searched.impacts) == N_DOCS
    assert len(answers) == 300
    # Not in one assertion: the difference of lists so long takes minutes to print.
    assert [n for n, ours in enumerate(searched.hits) if not agree(ours, answers[n])] == []
    n_hits = sum(map(len, answers))
    evidence(
        f"{variant.name} gives {len(answers)} queries on {N_DOCS:,} abstracts of SciFact the same "
        f"{n_hits:,} scores"
    )
