import numpy as np

from lsr.encoders.unit_length import of_unit_length
from lsr.sparse import SparseBatch


def test_vectors_are_divided_by_their_length_and_empty_ones_kept() -> None:
    batch = SparseBatch.from_rows([[(1, 3.0), (4, 4.0)], [], [(2, 0.5)]], 6)

    result = of_unit_length(batch).to_scipy().toarray()

    expected = np.array([[0, 0.6, 0, 0, 0.8, 0], [0, 0, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0]])
    np.testing.assert_allclose(result, expected, rtol=1e-6)
