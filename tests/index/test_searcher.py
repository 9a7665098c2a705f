from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lsr
from lsr.documents import Document
from lsr.errors import InvalidInputError
from lsr.index import IndexWriter, Searcher, Vocabulary, write_lock
from lsr.sparse import SparseBatch, batch_of_named_terms
from oracles import ranked, stored_matrix
from strategies import sparse_batches


def _build(path: Path, batches: Sequence[SparseBatch]) -> Searcher:
    """One commit, and so one segment, a batch."""
    manifest, n_docs = None, 0
    vocabulary = Vocabulary.empty()
    for batch in batches:
        with (
            write_lock(path),
            IndexWriter(
                path, manifest, vocabulary, max_weight=4.0, encoder=None, properties={}
            ) as writer,
        ):
            documents = [Document(str(n_docs + row)) for row in range(len(batch))]
            writer.add(documents, vocabulary.documents(batch, None))
            manifest = writer.commit()
        n_docs += len(batch)
    return Searcher.open(path)


@given(
    st.lists(sparse_batches(min_rows=1), min_size=1, max_size=4),
    sparse_batches(min_rows=1),
    st.integers(1, 60),
)
@settings(deadline=None, max_examples=60)
def test_equals_dense_scoring_over_any_segments(
    tmp_path_factory: pytest.TempPathFactory,
    batches: list[SparseBatch],
    queries: SparseBatch,
    k: int,
) -> None:
    searcher = _build(tmp_path_factory.mktemp("index") / "x", batches)

    rankings = searcher.search_batch(queries, k)

    # Integer sums at one scale, so floats are exact multiples and order is the integers' order.
    expected = ranked(stored_matrix(searcher), queries, k)
    for number, hits in enumerate(expected):
        assert [doc for doc, _ in rankings.hits(number)] == [doc for doc, _ in hits]
        scores = np.array([score for _, score in rankings.hits(number)])
        integers = np.array([score for _, score in hits])
        if integers.size:
            np.testing.assert_allclose(scores / scores[0], integers / integers[0], rtol=1e-12)


@given(st.lists(sparse_batches(min_rows=1), min_size=2, max_size=4), sparse_batches(min_rows=1))
@settings(deadline=None, max_examples=30)
def test_many_segments_answer_as_one(
    tmp_path_factory: pytest.TempPathFactory, batches: list[SparseBatch], queries: SparseBatch
) -> None:
    folder = tmp_path_factory.mktemp("index")
    many = _build(folder / "many", batches).search_batch(queries, 30)

    one = _build(folder / "one", [SparseBatch.concatenate(batches)]).search_batch(queries, 30)

    np.testing.assert_array_equal(many.doc_numbers, one.doc_numbers)
    np.testing.assert_array_equal(many.scores, one.scores)


def test_scores_are_the_float_dot_products_within_the_quantizers_step(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    rows = [
        [(int(t), float(rng.uniform(0.1, 3.9))) for t in rng.choice(50, 12, replace=False)]
        for _ in range(200)
    ]
    batch = SparseBatch.from_rows(rows, n_terms=50)
    queries = batch.slice(0, 20)
    searcher = _build(tmp_path / "x", [batch])

    rankings = searcher.search_batch(queries, 200)

    product = (queries.to_scipy() @ batch.to_scipy().T).toarray()
    for number in range(20):
        for doc, score in rankings.hits(number):
            # Half a step (4 / 255 / 2) of each of at most 12 impacts, times weights up to 3.9.
            assert abs(score - product[number, doc]) <= 12 * 3.9 * (4 / 255 / 2) + 1e-3


def test_contributions_add_up_to_the_score(tmp_path: Path) -> None:
    batch = SparseBatch.from_rows([[(0, 1.0), (2, 2.0)], [(2, 0.5)]], n_terms=3)
    searcher = _build(tmp_path / "x", [batch, batch.slice(0, 0)])
    query = SparseBatch.from_rows([[(0, 0.3), (1, 5.0), (2, 0.7)]], n_terms=3)

    (shares,) = searcher.contributions(*query.row(0), [0])

    ((doc, score), *_) = searcher.search_batch(query, 1).hits(0)
    assert doc == 0
    assert sum(q * d for _, q, d in shares) == pytest.approx(score, rel=1e-12)
    assert [term for term, _, _ in shares] == [0, 1, 2]
    assert shares[1][2] == 0


def test_contributions_are_those_of_each_document(tmp_path: Path) -> None:
    batch = SparseBatch.from_rows([[(0, 1.0), (2, 2.0)], [(2, 0.5)], [(1, 4.0)]], n_terms=3)
    searcher = _build(tmp_path / "x", [batch, batch])
    query = SparseBatch.from_rows([[(1, 5.0), (2, 0.7)]], n_terms=3)

    together = searcher.contributions(*query.row(0), [4, 0, 5, 2])

    assert together == [searcher.contributions(*query.row(0), [one])[0] for one in (4, 0, 5, 2)]
    assert [[bool(weight) for _, _, weight in rows] for rows in together] == [
        [False, True],
        [False, True],
        [True, False],
        [True, False],
    ]


def test_threads_do_not_change_the_answer(tmp_path: Path) -> None:
    batch = SparseBatch.from_rows([[(t % 7, 1.0 + t % 3)] for t in range(50)], n_terms=7)
    searcher = _build(tmp_path / "x", [batch])

    alone = searcher.search_batch(batch, 10)
    together = searcher.search_batch(batch, 10, threads=3)

    np.testing.assert_array_equal(alone.doc_numbers, together.doc_numbers)
    np.testing.assert_array_equal(alone.scores, together.scores)


@pytest.mark.parametrize(("k", "threads"), [(0, 1), (-1, 1), (1, 0)])
def test_refuses_k_and_threads_below_one(tmp_path: Path, k: int, threads: int) -> None:
    searcher = _build(tmp_path / "x", [SparseBatch.from_rows([[(0, 1.0)]], 1)])

    with pytest.raises(InvalidInputError, match="must be at least 1"):
        searcher.search_batch(SparseBatch.from_rows([[(0, 1.0)]], 1), k, threads)


def test_an_index_without_documents_has_no_hits(tmp_path: Path) -> None:
    searcher = _build(tmp_path / "x", [SparseBatch.from_rows([], 1)])

    assert searcher.search_batch(SparseBatch.from_rows([[(0, 1.0)]], 1), 5).hits(0) == []


def test_a_later_snapshot_shares_what_did_not_change(tmp_path: Path) -> None:
    path = tmp_path / "idx"
    documents = [(f"d{number}", {"cat": 1.0 + number}) for number in range(20)]
    index = lsr.Index.build(path, documents, weights="float32")
    index.search({"cat": 1.0})
    before = index.searcher
    with lsr.Index.open(path).writer() as writer:
        writer.add(("new", {"cat": 30.0}))
        writer.delete("d19")
        writer.commit()

    after = Searcher.open(path, before=before)

    (old,), (kept, _) = before.segments, after.segments
    assert kept.postings.impacts is old.postings.impacts
    assert kept.arrays is old.arrays
    query = after.vocabulary.queries(*batch_of_named_terms([{"cat": 1.0}]))
    assert before.named_hits(before.search_batch(query, 2), 0) == [("d19", 20.0), ("d18", 19.0)]
    assert after.named_hits(after.search_batch(query, 2), 0) == [("new", 30.0), ("d18", 19.0)]


def test_an_index_in_the_place_of_another_shares_nothing(tmp_path: Path) -> None:
    path = tmp_path / "idx"
    before = lsr.Index.build(path, [("a", {"cat": 2.0})], weights="float32").searcher
    lsr.Index.build(path, [("b", {"dog": 2.0})], weights="float32", replace=True)

    after = Searcher.open(path, before=before)

    assert after.vocabulary.names == ["dog"]
    assert after.doc_ids([0]) == ["b"]
    assert before.doc_ids([0]) == ["a"]
