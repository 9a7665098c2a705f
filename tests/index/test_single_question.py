"""Without kernels, a question is answered by the same documents and scores, bit by bit."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsr.documents import Document
from lsr.errors import CorruptIndexError
from lsr.index import (
    Approximation,
    FieldKind,
    IndexWriter,
    Searcher,
    Vocabulary,
    WeightType,
    parse_filter,
    write_lock,
)
from lsr.index import searcher as searching
from lsr.index import single_question as subject
from lsr.kernels.algorithm import Algorithm
from lsr.pruning import PruneRule
from lsr.sparse import SparseBatch

N_TERMS = 30
FIELDS = {"year": FieldKind.INT}
SEGMENT_DOCS = (150, 1, 400)

_WEIGHTS = st.sampled_from([0.5, 1.0, 1.0, 2.0, 65535.0, 1e-6]) | st.floats(
    2.0**-20, 2.0**20, width=32
)
_QUESTIONS = st.dictionaries(st.integers(0, N_TERMS - 1), _WEIGHTS, max_size=12).map(
    lambda one: SparseBatch.from_rows([one.items()], N_TERMS)
)
_FILTERS = st.sampled_from([None, "year = 3", "year < 5 and not year = 2", "year > 9"])


def _build(path: Path, weights: WeightType) -> Searcher:
    """Three segments with common and rare terms, many ties, deletions; later ones know more terms.

    Weights are few and simple for the first half of the terms, so that scores tie, and any float
    for the others, so that the order of float32 sums matters.
    """
    rng, manifest, n_docs = np.random.default_rng(1), None, 0
    vocabulary = Vocabulary.empty()
    for number, size in enumerate(SEGMENT_DOCS):
        n_terms = N_TERMS - 4 + 2 * number
        rows = []
        for _ in range(size):
            chosen = np.flatnonzero(rng.random(n_terms) < np.linspace(0.02, 0.4, n_terms))
            values = np.where(chosen < N_TERMS // 2, 1.0, rng.uniform(0.01, 3.9, chosen.size))
            rows.append(list(zip(chosen.tolist(), values.tolist(), strict=True)))
        with (
            write_lock(path),
            IndexWriter(
                path,
                manifest,
                vocabulary,
                max_weight=4.0 if weights is WeightType.UINT8 else None,
                encoder=None,
                properties={},
                fields=FIELDS,
                weights=weights,
            ) as writer,
        ):
            documents = [
                Document(str(n_docs + row), metadata={"year": row % 8}) for row in range(size)
            ]
            batch = SparseBatch.from_rows(rows, n_terms)
            writer.add(documents, vocabulary.documents(batch, None))
            manifest = writer.commit()
            if number == 2:
                for doc in range(0, n_docs + size, 7):
                    writer.delete(str(doc))
                manifest = writer.commit()
        n_docs += size
    return Searcher.open(path)


@pytest.fixture(scope="module", params=list(WeightType))
def searcher(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Searcher:
    return _build(tmp_path_factory.mktemp("index") / "x", request.param)


@pytest.fixture
def forbid(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes one of the two ways fail."""

    def forbid(way: str) -> None:
        def fail(*_: object, **__: object) -> None:
            raise AssertionError(f"{way} was taken")

        if way == "kernels":
            monkeypatch.setattr("lsr.index.ranking.rank_by_impacts", fail)
            monkeypatch.setattr("lsr.index.ranking.rank_by_weights", fail)
        else:
            monkeypatch.setattr(searching, "answer", fail)

    return forbid


@given(_QUESTIONS, st.sampled_from([1, 2, 10, 77, 1000]), _FILTERS)
@settings(deadline=None, max_examples=150)
def test_answers_like_kernels(
    searcher: Searcher, question: SparseBatch, k: int, where: str | None
) -> None:
    wanted = None if where is None else parse_filter(where, searcher.manifest.fields)

    once = searcher.search_batch(question, k, where=wanted, once=True)

    kernels = searcher.search_batch(question, k, where=wanted)
    np.testing.assert_array_equal(once.doc_numbers, kernels.doc_numbers)
    np.testing.assert_array_equal(once.scores, kernels.scores)
    assert once.doc_numbers.dtype == kernels.doc_numbers.dtype
    assert once.scores.dtype == kernels.scores.dtype


def _question(*terms: int) -> SparseBatch:
    return SparseBatch.from_rows([[(term, 1.0) for term in terms]], N_TERMS)


def test_an_empty_index_has_no_answer(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    vocabulary = Vocabulary.empty()
    with (
        write_lock(path),
        IndexWriter(path, None, vocabulary, max_weight=4.0, encoder=None, properties={}) as writer,
    ):
        writer.commit()

    rankings = Searcher.open(path).search_batch(_question(1), 3, once=True)

    assert rankings.hits(0) == []


def test_a_question_of_few_postings_needs_no_kernels(
    searcher: Searcher, forbid: Callable[[str], None]
) -> None:
    forbid("kernels")

    assert searcher.search_batch(_question(1, 29), 3, once=True).hits(0)
    pruned = Approximation(prune=PruneRule.parse("top_k:1"))
    assert searcher.search_batch(_question(1, 29), 3, approximation=pruned, once=True).hits(0)


def test_a_question_of_many_postings_is_left_to_kernels(
    searcher: Searcher, forbid: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    n_postings = sum(segment.n_postings_of(np.array([3, 5])) for segment in searcher.segments)
    monkeypatch.setattr(subject, "FEW_POSTINGS", n_postings)
    assert subject.is_answered_sooner(_question(3, 5), searcher._searches)

    monkeypatch.setattr(subject, "FEW_POSTINGS", n_postings - 1)
    forbid("NumPy")

    assert searcher.search_batch(_question(3, 5), 3, once=True).hits(0)


def test_other_searches_are_left_to_kernels(
    searcher: Searcher, forbid: Callable[[str], None]
) -> None:
    forbid("NumPy")
    one, two = _question(3), SparseBatch.concatenate([_question(3), _question(5)])

    searcher.search_batch(one, 3)
    searcher.search_batch(two, 3, once=True)
    searcher.search_batch(one, 3, once=True, algorithm=Algorithm.EXHAUSTIVE)
    if searcher.manifest.weights is WeightType.UINT8:
        searcher.search_batch(one, 3, once=True, approximation=Approximation(bound_factor=0.9))
        searcher.search_batch(one, 3, once=True, approximation=Approximation(max_ranges=1))


@pytest.mark.parametrize("weights", WeightType)
def test_damage_is_found(tmp_path: Path, weights: WeightType) -> None:
    path = tmp_path / "damaged"
    _build(path, weights)
    file = max(path.glob("segments/*.doc_offsets.arrays"), key=lambda one: one.stat().st_size)
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 0xFF
    file.write_bytes(content)

    with pytest.raises(CorruptIndexError, match="doc_offsets"):
        Searcher.open(path).search_batch(_question(*range(N_TERMS)), 3, once=True)
