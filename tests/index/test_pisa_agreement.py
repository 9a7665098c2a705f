"""Does PISA, written by others in C++, find the same best scores in random collections?"""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

from lsr.eval.bench.engines.base import Engine, Hits
from lsr.eval.bench.engines.ours import Lsr
from lsr.eval.bench.engines.pisa import Pisa
from lsr.eval.bench.muting import muted
from lsr.sparse import SparseBatch

N_CORPORA, N_QUERIES, K = 20, 100, 10


def random_vectors(rng: np.random.Generator, n_rows: int, n_terms: int, mean: int) -> SparseBatch:
    """Draw vectors of integer weights whose terms are as unevenly used as words are."""
    likely = 1 / np.arange(1, n_terms + 1)
    sizes = np.clip(rng.poisson(mean, n_rows), 0, n_terms // 2)
    terms = [
        rng.choice(n_terms, size, replace=False, p=likely / likely.sum()) for size in sizes.tolist()
    ]
    # Few weights in some collections: then many documents tie.
    weights = [rng.integers(1, rng.choice([4, 256]), size) for size in sizes.tolist()]
    return SparseBatch.from_rows(
        [zip(*row, strict=True) for row in zip(terms, weights, strict=True)], n_terms
    )


def answers(
    engine: Engine, vectors: SparseBatch, queries: SparseBatch, folder: Path
) -> dict[str, list[Hits]]:
    """Return the hits of every query by every algorithm of an engine."""
    folder.mkdir()
    with muted():
        engine.build(vectors, folder)
        variants = engine.open(folder)
    singles = [engine.prepare(queries.slice(row, row + 1)) for row in range(len(queries))]
    return {one.name: [one.search(query, K) for query in singles] for one in variants}


@pytest.mark.slow
def test_the_best_scores_are_those_of_pisa(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if why := Pisa().why_missing():
        pytest.skip(f"there is nobody to agree with: {why}")
    n_equal = n_hits = 0
    for seed in range(N_CORPORA):
        rng = np.random.default_rng(seed)
        n_docs = round(math.exp(rng.uniform(math.log(5), math.log(5000))))
        vectors = random_vectors(rng, n_docs, n_terms=400, mean=30)
        queries = random_vectors(rng, N_QUERIES, n_terms=400, mean=12)

        ours = answers(Lsr(), vectors, queries, tmp_path / f"ours{seed}")
        theirs = answers(Pisa(), vectors, queries, tmp_path / f"theirs{seed}")

        for name, found in ours.items():
            for query, (hits, truth) in enumerate(
                zip(found, theirs["PISA ranked_or"], strict=True)
            ):
                scores = [score for _, score in hits]
                assert scores == [score for _, score in truth], f"{name}, {seed}, {query}"
                n_hits += len(scores)
        algorithms = ", ".join(ours)
        n_equal += len(queries)
    with capsys.disabled():
        total = N_CORPORA * N_QUERIES
        sys.stdout.write(f" {n_equal:,} of {total:,} queries agree with PISA: {algorithms}\n")
    assert n_hits > N_CORPORA * N_QUERIES
