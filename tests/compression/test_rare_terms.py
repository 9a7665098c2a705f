import numpy as np

from lsr.compression.rare_terms import least_missed, occurrences
from lsr.encoders.tokenization import TokenizedText
from lsr.sparse import SparseBatch


def test_the_terms_that_are_missed_least_go() -> None:
    losses = np.array([3, 0, 5, 1, 0, 2.5])

    assert least_missed(losses, 0).tolist() == [1, 4]
    assert least_missed(losses, 0.5).tolist() == [1, 3, 4]


def test_terms_occur_that_are_among_the_tokens_of_their_own_text() -> None:
    vectors = SparseBatch(
        np.array([0, 3, 3, 5]),
        np.array([1, 4, 7, 1, 4], dtype=np.uint32),
        np.ones(5, dtype=np.float32),
        9,
    )
    texts = [TokenizedText(np.array(ids), False, slice(None)) for ids in ([8, 4, 1, 4], [1], [7])]

    assert occurrences(vectors, texts).tolist() == [True, True, False, False, False]
