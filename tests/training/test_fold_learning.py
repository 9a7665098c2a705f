import numpy as np
import pytest

from lsr.errors import InvalidInputError
from lsr.sparse import SparseBatch
from lsr.training.fold_learning import learn_fold

N_WORDS, N_TERMS, N_QUESTIONS = 12, 20, 4000


def batch_of(dense: np.ndarray) -> SparseBatch:
    rows = [[(term, weight) for term, weight in enumerate(row) if weight] for row in dense.tolist()]
    return SparseBatch.from_rows(rows, N_TERMS)


def test_planted_calls_are_found_in_the_units_of_the_table() -> None:
    draw = np.random.default_rng(0)
    present = np.zeros((N_QUESTIONS, N_TERMS))
    present[:, :N_WORDS] = draw.random((N_QUESTIONS, N_WORDS)) < 0.3
    table = draw.uniform(1, 5, N_TERMS)
    calls = np.zeros((N_TERMS, N_TERMS))
    calls[:N_WORDS, N_WORDS:] = draw.uniform(0.4, 1, (N_WORDS, 8)) * (
        draw.random((N_WORDS, 8)) < 0.4
    )
    own = present * draw.uniform(0.5, 1, N_TERMS)
    by_network, by_table = own + present @ calls, present * table

    fold = learn_fold(batch_of(by_network), batch_of(by_table)).added.to_scipy().toarray()

    scale = by_network.sum() / by_table.sum()
    # The ridge of 1 shrinks what 1,200 questions say by a thousandth or two.
    np.testing.assert_allclose(fold, (calls / (scale * table)[:, None]).T, rtol=5e-3, atol=5e-3)


def test_weak_calls_and_calls_off_are_left_out() -> None:
    present = np.zeros((6, N_TERMS))
    present[:3, 0] = present[3:, 1] = present[:, 2] = 1
    added = np.zeros((6, N_TERMS))
    added[:3, 10], added[3:, 11] = 1.0, 0.05

    fold = learn_fold(batch_of(present + added), batch_of(present)).added

    assert [term for term, size in enumerate(fold.active_dims) if size] == [10]
    assert (fold.weights > 0).all()


def test_questions_that_share_nothing_are_refused() -> None:
    present = np.eye(3, N_TERMS)

    with pytest.raises(InvalidInputError, match="share too few words"):
        learn_fold(batch_of(present), batch_of(present))
