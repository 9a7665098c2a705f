import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsr.errors import InvalidInputError
from lsr.eval import quantization_cost
from lsr.eval.quantization_cost import FloatScorer
from lsr.sparse import SparseBatch
from strategies import sparse_batches


def _dense(batch: SparseBatch) -> np.ndarray:
    dense = np.zeros((len(batch), batch.n_terms))
    for number, (terms, weights) in enumerate(batch.rows()):
        dense[number, terms] = weights
    return dense


def _oracle(queries: SparseBatch, documents: SparseBatch, k: int) -> list[list[tuple[str, float]]]:
    scores = _dense(queries) @ _dense(documents).T
    return [
        [
            (f"d{doc_number}", row[doc_number])
            for doc_number in sorted(range(row.size), key=lambda number: (-row[number], number))[:k]
            if row[doc_number] > 0
        ]
        for row in scores
    ]


@given(
    queries=sparse_batches(min_rows=1, max_rows=5),
    documents=sparse_batches(max_rows=30),
    k=st.integers(1, 12),
    cuts=st.lists(st.integers(0, 30), max_size=5),
    cells=st.sampled_from([1, 7, 1 << 20]),
)
def test_equals_dense_scoring_however_the_corpus_is_cut(
    queries: SparseBatch, documents: SparseBatch, k: int, cuts: list[int], cells: int
) -> None:
    scorer = FloatScorer(queries, k)
    stops = [*sorted(min(cut, len(documents)) for cut in cuts), len(documents)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantization_cost, "CELLS_AT_ONCE", cells)
        for start, stop in zip([0, *stops], stops, strict=False):
            scorer.add(
                [f"d{number}" for number in range(start, stop)], documents.slice(start, stop)
            )

    run = scorer.run([f"q{number}" for number in range(len(queries))])
    assert list(run) == [f"q{number}" for number in range(len(queries))]
    assert list(run.values()) == _oracle(queries, documents, k)


def test_keeps_no_more_than_k_of_each_query() -> None:
    queries = SparseBatch.from_rows([[(0, 1.0)]], n_terms=1)
    scorer = FloatScorer(queries, k=3)
    for start in range(0, 100, 10):
        vectors = SparseBatch.from_rows([[(0, 1.0)]] * 10, n_terms=1)
        scorer.add([str(start + row) for row in range(10)], vectors)

    assert scorer.run(["q"]) == {"q": [("0", 1.0), ("1", 1.0), ("2", 1.0)]}


@pytest.mark.parametrize(("n_ids", "n_terms"), [(2, 3), (1, 4)])
def test_refuses_ids_or_terms_that_do_not_fit(n_ids: int, n_terms: int) -> None:
    scorer = FloatScorer(SparseBatch.from_rows([[(0, 1.0)]], n_terms=3), k=1)

    with pytest.raises(InvalidInputError, match=f"{n_ids} ids came with 1 vectors over {n_terms}"):
        scorer.add(["d"] * n_ids, SparseBatch.from_rows([[(0, 1.0)]], n_terms=n_terms))
