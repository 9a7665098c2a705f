import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lsr.errors import InvalidInputError
from lsr.eval.bench import resample as subject
from lsr.eval.bench.resample import REACH, resample
from lsr.eval.bench.vectors import as_impacts, read_vectors
from lsr.sparse import SparseBatch


def corpus(n_docs: int = 300, n_terms: int = 50, seed: int = 1) -> SparseBatch:
    rng = np.random.default_rng(seed)
    dense = rng.integers(1, 256, (n_docs, n_terms)) * (rng.random((n_docs, n_terms)) < 0.4)
    return SparseBatch.from_matrix(dense)


def grown(vectors: SparseBatch, n_docs: int, **settings: Any) -> SparseBatch:
    return SparseBatch.concatenate(list(resample(vectors, n_docs, **settings)))


def dense(vectors: SparseBatch) -> NDArray[np.float32]:
    return vectors.to_scipy().toarray()


@pytest.mark.parametrize("n_docs", [1, 299, 300, 301, 750])
def test_the_real_documents_come_first(n_docs: int) -> None:
    vectors = corpus()

    result = grown(vectors, n_docs)

    assert len(result) == n_docs
    n_kept = min(n_docs, 300)
    np.testing.assert_array_equal(dense(result)[:n_kept], dense(vectors)[:n_kept])


def test_new_documents_are_sound_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "CHUNK", 64)

    result = grown(corpus(), 1000)

    assert set(result.weights.tolist()) <= set(map(float, range(1, 256)))
    assert all((np.diff(terms.astype(np.int64)) > 0).all() for terms, _ in result.rows())
    checked = SparseBatch.from_arrays(result.indptr, result.terms, result.weights, result.n_terms)
    np.testing.assert_array_equal(checked.terms, result.terms)


def test_equal_seeds_give_equal_vectors() -> None:
    first, again, other = (grown(corpus(), 900, seed=seed) for seed in (3, 3, 4))

    np.testing.assert_array_equal(dense(first), dense(again))
    assert (dense(first)[300:] != dense(other)[300:]).any()


def test_a_new_document_is_made_of_two_neighbours() -> None:
    # Each document has one term of its own and one impact of its own.
    vectors = SparseBatch.from_rows([[(number, 100)] for number in range(400)], n_terms=400)

    new = grown(vectors, 1600).slice(400, 1600)

    for number, (terms, weights) in enumerate(new.rows()):
        base = number % 400
        distances = [min((term - base) % 400, (base - term) % 400) for term in terms.tolist()]
        assert all(distance <= REACH for distance in distances)
        assert ((weights >= 75) & (weights <= 125)).all()
    own = np.mean([(new.row(number)[0] == number % 400).any() for number in range(1200)])
    assert own == pytest.approx(0.6, abs=0.05)
    assert new.nnz / 1200 == pytest.approx(0.6 + 0.4, abs=0.06)


def test_neighbours_are_those_of_the_given_order() -> None:
    vectors = SparseBatch.from_rows([[(number, 100)] for number in range(400)], n_terms=400)
    order = np.random.default_rng(0).permutation(400)
    place_of = np.argsort(order)

    new = grown(vectors, 800, order=order).slice(400, 800)

    for base, (terms, _) in enumerate(new.rows()):
        steps = (place_of[terms] - place_of[base]) % 400
        assert (np.minimum(steps, 400 - steps) <= REACH).all()


def test_every_round_covers_the_whole_collection() -> None:
    bases = subject._bases(np.arange(1000), 1000, 300)

    rounds = [list(group) for _, group in itertools.groupby(range(1000), lambda n: n // 250)]
    for one in rounds:
        assert bases[one[0]] == 0
        assert (np.diff(bases[one]) > 0).all()
        assert bases[one[-1]] >= 297
    assert np.bincount(bases, minlength=300).max() == 4


def test_one_document_can_be_resampled_and_none_cannot() -> None:
    assert len(grown(corpus(1), 5)) == 5
    with pytest.raises(InvalidInputError, match="no vector to resample"):
        list(resample(corpus().slice(0, 0), 5))


def test_statistics_stay_real(shared_data: Path) -> None:
    folder = shared_data / "passages-300k"
    vectors, _ = read_vectors(
        str(folder / "vectors.parquet"), str(folder / "queries-msmarco.parquet"), n_docs=2000
    )
    vectors = as_impacts(vectors)

    new = grown(vectors, 6000).slice(2000, 6000)

    ratio = (new.nnz / len(new)) / (vectors.nnz / len(vectors))
    assert 0.75 < ratio < 1.0
    frequency, before = (
        np.bincount(one.terms, minlength=vectors.n_terms) / len(one) for one in (new, vectors)
    )
    common = before > 0.02
    assert np.corrcoef(frequency[common], before[common])[0, 1] > 0.98
    assert new.weights.mean() == pytest.approx(vectors.weights.mean(), rel=0.05)
