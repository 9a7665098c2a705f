import numpy as np
import pytest

from lsr.eval.bench import truth as subject
from lsr.eval.bench.engines.base import Hits
from lsr.eval.bench.truth import best_scores, grade
from lsr.sparse import SparseBatch

VECTORS = SparseBatch.from_rows([[(0, 1), (1, 255)], [], [(1, 200), (2, 7)], [(2, 9)]], n_terms=3)
QUERY = SparseBatch.from_rows([[(1, 2)]], n_terms=3)


@pytest.mark.parametrize("chunk_postings", [1, 7, 1 << 24])
def test_best_scores_equal_the_dense_product(
    monkeypatch: pytest.MonkeyPatch, chunk_postings: int
) -> None:
    monkeypatch.setattr(subject, "CHUNK_POSTINGS", chunk_postings)
    rng = np.random.default_rng(5)
    dense = rng.integers(1, 256, (30, 20)) * (rng.random((30, 20)) < 0.3)
    dense[7] = 0
    asked = rng.integers(1, 256, (9, 20)) * (rng.random((9, 20)) < 0.2)
    asked[0] = 0

    found = best_scores(SparseBatch.from_matrix(dense), SparseBatch.from_matrix(asked), 4)

    for scores, column in zip(found, asked @ dense.T, strict=True):
        assert scores.tolist() == sorted(column[column > 0].tolist(), reverse=True)[:4]


@pytest.mark.parametrize(
    ("hits", "differs", "recall"),
    [
        ([(0, 510.0), (2, 400.0)], False, 1.0),
        ([(0, 510.0)], True, 0.5),
        ([(0, 510.0), (2, 401.0)], True, 1.0),
        ([(2, 510.0), (0, 400.0)], True, 1.0),
        ([(0, 510.0), (3, 400.0)], True, 0.5),
        ([], True, 0.0),
    ],
    ids=["right", "one missing", "wrong score", "swapped", "wrong document", "nothing"],
)
def test_answers_are_compared_by_scores_and_documents(
    hits: Hits, differs: bool, recall: float
) -> None:
    best = best_scores(VECTORS, QUERY, 3)

    (found,) = grade(VECTORS, QUERY, best, [[hits]])

    assert found.differs.tolist() == [differs]
    assert found.recall.tolist() == [recall]


def test_a_document_that_ties_with_the_last_one_counts() -> None:
    vectors = SparseBatch.from_rows([[(0, 1)], [(0, 1)]], n_terms=1)
    query = vectors.slice(0, 1)

    first, second = grade(
        vectors, query, best_scores(vectors, query, 1), [[[(0, 1.0)]], [[(1, 1.0)]]]
    )

    assert not first.differs.any()
    assert not second.differs.any()
    assert second.recall.tolist() == [1.0]


def test_finding_nothing_is_right_where_nothing_matches() -> None:
    query = SparseBatch.from_rows([[(2, 1)]], n_terms=3)
    vectors = VECTORS.slice(0, 2)

    (found,) = grade(vectors, query, best_scores(vectors, query, 3), [[[]]])

    assert not found.differs.any()
    assert found.recall.tolist() == [1.0]
