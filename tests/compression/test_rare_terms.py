import numpy as np

from lsr.compression.rare_terms import rarest_terms


def test_terms_of_the_fewest_documents_are_the_rarest() -> None:
    counts = np.array([3, 0, 5, 1, 0, 2])

    assert rarest_terms(counts, 0).tolist() == [1, 4]
    assert rarest_terms(counts, 0.5).tolist() == [1, 3, 4]
