from pathlib import Path

import numpy as np

from lsr.eval.bench.stored_vectors import mapped_vectors, store_vectors
from lsr.sparse import SparseBatch

ROWS = [[(0, 1.0), (5, 2.5)], [], [(3, 255.0)]]


def test_vectors_return_as_they_were(tmp_path: Path) -> None:
    batch = SparseBatch.from_rows(ROWS, n_terms=6)

    written = store_vectors(
        [batch.slice(0, 1), batch.slice(1, 1), batch.slice(1, 3)], tmp_path / "v"
    )

    for found in (written, mapped_vectors(tmp_path / "v")):
        np.testing.assert_array_equal(found.indptr, batch.indptr)
        np.testing.assert_array_equal(found.terms, batch.terms)
        np.testing.assert_array_equal(found.weights, batch.weights)
        assert found.n_terms == 6
        assert [array.dtype for array in (found.indptr, found.terms, found.weights)] == [
            np.int64,
            np.uint32,
            np.float32,
        ]


def test_stored_vectors_cannot_be_changed(tmp_path: Path) -> None:
    stored = store_vectors([SparseBatch.from_rows(ROWS, n_terms=6)], tmp_path / "v")

    assert not stored.weights.flags.writeable
    assert not stored.slice(0, 1).weights.flags.writeable
