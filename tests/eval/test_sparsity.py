from itertools import product
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

from lsr.eval.sparsity import count_terms, flops
from lsr.index import Searcher
from lsr.retrieval import Index
from lsr.sparse import SparseBatch


def _rows(generator: np.random.Generator, n_rows: int) -> list[dict[str, float]]:
    """Rows of up to 6 of 12 terms, a quarter of the rows empty."""
    return [
        {f"t{term}": 1.0 + term for term in generator.choice(12, generator.integers(0, 7), False)}
        if generator.random() < 0.75
        else {}
        for _ in range(n_rows)
    ]


@pytest.fixture
def documents(tmp_path: Path) -> tuple[Searcher, list[dict[str, float]]]:
    """An index of two segments, and what is in it."""
    rows = _rows(np.random.default_rng(5), 40)
    named = [(f"d{number}", row) for number, row in enumerate(rows)]
    index = Index.build(tmp_path / "idx", named[:30])
    with index.writer() as writer:
        writer.add_documents(named[30:])
        writer.commit()
    assert len(index.searcher.segments) == 2
    return index.searcher, rows


def test_counts_terms_and_lengths_of_documents(
    documents: tuple[Searcher, list[dict[str, float]]],
) -> None:
    searcher, rows = documents

    counts = count_terms(searcher)

    lengths = [len(row) for row in rows]
    assert counts.n_docs == 40
    assert counts.docs_of_length == {
        length: lengths.count(length) for length in sorted(set(lengths))
    }
    assert sorted(counts.docs_with_term.tolist()) == sorted(
        sum(f"t{term}" in row for row in rows) for term in range(12)
    )


def test_flops_are_the_mean_products_of_a_query_and_a_document(
    documents: tuple[Searcher, list[dict[str, float]]],
) -> None:
    """Counted over all pairs, where the formula needs the shares of terms only."""
    searcher, rows = documents
    queries = _rows(np.random.default_rng(6), 7)
    names = [f"t{term}" for term in range(12)]
    matrix = scipy.sparse.csr_array([[query.get(name, 0.0) for name in names] for query in queries])
    batch = searcher.vocabulary.queries(SparseBatch.from_matrix(matrix), names)

    shared = [len(query.keys() & row.keys()) for query, row in product(queries, rows)]

    assert flops(count_terms(searcher), batch) == pytest.approx(np.mean(shared))
