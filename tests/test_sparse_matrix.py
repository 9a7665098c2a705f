"""Matrices of other libraries become vectors, and vectors become matrices."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from lsr.errors import InvalidInputError, MissingDependencyError
from lsr.sparse import SparseBatch

DENSE = np.array([[0.0, 2.0, 0.0, 0.5], [0.0, 0.0, 0.0, 0.0], [1.0, 0.0, 4.0, 0.25]])
FORMS: list[Callable[[Any], Any]] = [
    np.asarray,
    sp.csr_array,
    sp.csc_matrix,
    sp.coo_array,
    sp.lil_matrix,
    sp.dok_array,
    torch.tensor,
    lambda dense: torch.tensor(dense).to_sparse(),
    lambda dense: torch.tensor(dense).to_sparse_csr(),
    lambda dense: torch.tensor(dense, dtype=torch.bfloat16).to_sparse(),
    lambda dense: torch.tensor(dense).requires_grad_().to_sparse(),
]


def rows_of(batch: SparseBatch) -> list[dict[int, float]]:
    return [
        dict(zip(terms.tolist(), weights.tolist(), strict=True)) for terms, weights in batch.rows()
    ]


# torch says at the first CSR tensor of a process that their support is in beta.
@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support:UserWarning")
@pytest.mark.parametrize("form", FORMS)
def test_any_form_of_a_matrix_gives_the_same_rows(form: Callable[[Any], Any]) -> None:
    batch = SparseBatch.from_matrix(form(DENSE))

    assert rows_of(batch) == [{1: 2.0, 3: 0.5}, {}, {0: 1.0, 2: 4.0, 3: 0.25}]
    assert batch.n_terms == 4
    np.testing.assert_array_equal(batch.to_scipy().toarray(), DENSE)


@pytest.mark.parametrize(
    "form", [np.asarray, sp.coo_array, lambda dense: torch.tensor(dense).to_sparse()]
)
def test_one_dimension_is_one_row(form: Callable[[Any], Any]) -> None:
    batch = SparseBatch.from_matrix(form(DENSE[2]))

    assert rows_of(batch) == [{0: 1.0, 2: 4.0, 3: 0.25}]


def test_entries_may_be_stored_in_any_order() -> None:
    shuffled = sp.coo_array(([3.0, 1.0, 2.0], ([1, 0, 1], [2, 1, 0])), shape=(2, 3))

    assert rows_of(SparseBatch.from_matrix(shuffled)) == [{1: 1.0}, {0: 2.0, 2: 3.0}]


def test_what_is_no_matrix_of_weights_is_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"of shape \(1, 3, 4\)"):
        SparseBatch.from_matrix(DENSE[None])
    with pytest.raises(InvalidInputError, match="row 1"):
        SparseBatch.from_matrix(np.array([[1.0, 0.0], [0.0, np.nan]]))
    with pytest.raises(InvalidInputError, match="query"):
        SparseBatch.from_matrix(np.array([[1.0, -2.0]]), place="query {}".format)


def test_scipy_is_needed_only_for_its_own_matrices(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = SparseBatch.from_matrix(DENSE)
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.sparse", None)

    assert rows_of(SparseBatch.from_matrix(DENSE)) == rows_of(batch)
    with pytest.raises(MissingDependencyError, match="SciPy matrix needs"):
        batch.to_scipy()
