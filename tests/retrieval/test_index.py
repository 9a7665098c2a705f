"""Searches of an `Index` are compared with plain Python over the documents that went in."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lsr
from filter_strategies import FIELDS, as_json, filters, lets_through, values_of_a_document
from lsr.errors import ConfigError, IndexExistsError, InvalidInputError
from lsr.index.filters import Filter

Vector = dict[str, float]

WORDS = ("cat", "dog", "milk", "yarn")
# Whole weights under a `max_weight` of 255 are impacts as they are; few values make scores tie.
VECTORS = st.dictionaries(
    st.sampled_from(WORDS), st.sampled_from([1.0, 2.0, 2.0, 200.0, 255.0]), max_size=4
)
DOCUMENTS = st.tuples(VECTORS, values_of_a_document)
# Every way to say a filter means the same.
FORMS: list[Callable[[Filter], Any]] = [str, as_json, lambda wanted: wanted]


def _records(documents: Sequence[tuple[Vector, Mapping[str, Any]]], first: int) -> list[Any]:
    return [
        {"id": f"d{first + row}", "vector": vector, **values}
        for row, (vector, values) in enumerate(documents)
    ]


def _best(vectors: Mapping[str, Vector], query: Vector, k: int) -> list[tuple[str, float]]:
    """Rank by dot products, ties by the order in which the documents came."""
    scores = {
        doc_id: sum(query[word] * weight for word, weight in vector.items() if word in query)
        for doc_id, vector in vectors.items()
    }
    found = [pair for pair in scores.items() if pair[1] > 0]
    return sorted(found, key=lambda pair: -pair[1])[:k]


@given(
    st.lists(st.lists(DOCUMENTS, min_size=1, max_size=6), min_size=1, max_size=3),
    st.sets(st.integers(0, 17)),
    filters,
    st.sampled_from(FORMS),
    st.sets(st.sampled_from(WORDS), min_size=1),
    st.integers(1, 20),
)
@settings(deadline=None, max_examples=30)
def test_a_filter_lets_through_what_plain_python_lets_through(
    tmp_path_factory: pytest.TempPathFactory,
    batches: list[list[tuple[Vector, dict[str, Any]]]],
    deleted: set[int],
    wanted: Filter,
    form: Callable[[Filter], Any],
    words: set[str],
    k: int,
) -> None:
    index = lsr.Index.create(
        tmp_path_factory.mktemp("index") / "idx",
        max_weight=255.0,
        fields={name: kind.value for name, kind in FIELDS.items()},
    )
    n_docs = 0
    for batch in batches:
        with index.writer() as writer:
            writer.add_documents(_records(batch, n_docs))
            writer.commit()
        n_docs += len(batch)
    assert len(index.searcher.segments) == len(batches)
    with index.writer() as writer:
        for number in deleted:
            writer.delete(f"d{number}")
        writer.commit()

    hits = index.search(dict.fromkeys(words, 1.0), k, where=form(wanted))

    documents = [one for batch in batches for one in batch]
    left = {
        f"d{number}": vector
        for number, (vector, values) in enumerate(documents)
        if number not in deleted and lets_through(wanted, values)
    }
    expected = _best(left, dict.fromkeys(words, 1.0), k)
    assert [hit.doc_id for hit in hits] == [doc_id for doc_id, _ in expected]
    # The scale is a float; the sums that it scales are exact.
    np.testing.assert_allclose(
        [hit.score for hit in hits], [score for _, score in expected], rtol=1e-9
    )


CATS = {f"d{number}": {"cat": 1.0 + number, "milk": 9.0 - number} for number in range(9)}


@pytest.fixture(scope="module")
def cats(tmp_path_factory: pytest.TempPathFactory) -> lsr.Index:
    """An index of two segments; not to be changed."""
    index = lsr.Index.create(
        tmp_path_factory.mktemp("cats") / "idx", max_weight=255.0, fields={"year": "int"}
    )
    records = [
        {"id": doc_id, "vector": vector, "year": 2000 + number}
        for number, (doc_id, vector) in enumerate(CATS.items())
    ]
    for part in (records[:5], records[5:]):
        with index.writer() as writer:
            writer.add_documents(part)
            writer.commit()
    assert len(index.searcher.segments) == 2
    return index


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        ("top_k:1", {"cat": 1.0}),
        ("max_ratio:0.6", {"cat": 1.0}),
        ("abs_value:0.6", {"cat": 1.0}),
        ("alpha_mass:0.6", {"cat": 1.0}),
        ("alpha_mass:0.9", {"cat": 1.0, "milk": 0.5}),
    ],
)
def test_a_pruned_query_is_searched_without_its_light_terms(
    cats: lsr.Index, rule: str, left: Vector
) -> None:
    approximation = lsr.Approximation(prune=lsr.PruneRule.parse(rule))

    hits = cats.search({"cat": 1.0, "milk": 0.5}, approximation=approximation)

    expected = _best(CATS, left, 10)
    assert [hit.doc_id for hit in hits] == [doc_id for doc_id, _ in expected]
    # Query weights have 16 bits.
    assert [hit.score for hit in hits] == pytest.approx([one for _, one in expected], rel=1e-4)
    for hit in hits:
        explanation = cats.explain(
            {"cat": 1.0, "milk": 0.5}, hit.doc_id, approximation=approximation
        )
        assert {share.term for share in explanation.terms} == set(left)
        assert explanation.score == pytest.approx(hit.score, rel=1e-12)


def test_a_batch_is_filtered_and_approximated_like_single_queries(cats: lsr.Index) -> None:
    queries = [{"cat": 1.0, "milk": 0.3}, {"milk": 1.0}, {"cat": 0.1, "milk": 1.0}]
    options: dict[str, Any] = {
        "where": "year >= 2003",
        "approximation": lsr.Approximation(prune=lsr.PruneRule.parse("max_ratio:0.4")),
    }

    batch = cats.search_batch(queries, 4, threads=2, **options)

    assert batch == [cats.search(query, 4, **options) for query in queries]
    assert batch[0] != cats.search(queries[0], 4, where="year >= 2003")


def test_a_filter_that_keeps_nothing_finds_nothing(cats: lsr.Index) -> None:
    assert cats.search({"cat": 1.0}, where="year < 2000") == []
    assert len(cats.search({"cat": 1.0}, where="not year < 2000")) == 9


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("price > 3", "names the field 'price', which the index does not declare; it declares"),
        ("year >", "The filter is wrong at column 7: a value such as"),
        ({"field": "year", "eq": "soon"}, "compares the field 'year' with 'soon', but it is int"),
    ],
)
def test_a_filter_that_does_not_fit_is_refused(cats: lsr.Index, where: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        cats.search({"cat": 1.0}, where=where)
    with pytest.raises(InvalidInputError, match=message):
        cats.search_batch([{"cat": 1.0}], where=where)


def test_a_filter_for_another_index_is_refused(tmp_path: Path, cats: lsr.Index) -> None:
    other = lsr.Index.build(tmp_path / "idx", [("a", {"cat": 1.0})])

    with pytest.raises(InvalidInputError, match="'year', which the index does not declare"):
        other.search({"cat": 1.0}, where=cats.parse_filter("year = 2000"))


def test_a_field_that_cannot_be_declared_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="'year' has the unknown kind 'date'"):
        lsr.Index.create(tmp_path / "idx", fields={"year": "date"})


def test_fields_stay_declared_when_an_index_is_opened_to_add(tmp_path: Path) -> None:
    fields = {"year": "int"}
    lsr.Index.build(tmp_path / "idx", [{"id": "a", "vector": {"cat": 1.0}}], fields=fields)
    index = lsr.Index.open(tmp_path / "idx")

    with index.writer() as writer:
        writer.add_documents([{"id": "b", "vector": {"cat": 1.0}, "year": 2001}])
        writer.commit()

    assert [hit.doc_id for hit in index.search({"cat": 1.0}, where="year = 2001")] == ["b"]
    assert index.info()["fields"] == fields


@given(st.lists(st.dictionaries(st.sampled_from(WORDS), st.floats(2.0**-7, 9, width=32))))
@settings(deadline=None, max_examples=20)
def test_float32_weights_score_and_explain_as_they_are(
    tmp_path_factory: pytest.TempPathFactory, vectors: list[Vector]
) -> None:
    documents = {f"d{number}": vector for number, vector in enumerate(vectors)}
    query = {"cat": 1.1, "dog": 0.7, "milk": 0.3}
    index = lsr.Index.build(
        tmp_path_factory.mktemp("index") / "idx", documents.items(), weights="float32"
    )

    hits = index.search(query, k=len(vectors) + 1)

    expected = dict(_best(documents, query, len(vectors)))
    assert {hit.doc_id for hit in hits} == set(expected)
    for hit in hits:
        # Each of up to three products and sums rounds to 24 bits, as the query's weights do.
        tolerance = 8 * 2.0**-24 * expected[hit.doc_id]
        assert hit.score == pytest.approx(expected[hit.doc_id], abs=tolerance)
        explanation = index.explain(query, hit.doc_id)
        # Terms are listed by product, so this adds them in another order than the score did.
        total = sum(share.product for share in explanation.terms)
        assert explanation.score == pytest.approx(total, rel=1e-12)
        assert explanation.score == pytest.approx(hit.score, abs=tolerance)


@pytest.mark.parametrize("given_up", [{"bound_factor": 0.5}, {"max_ranges": 1}])
def test_float32_weights_have_no_bounds_to_give_up(
    tmp_path: Path, given_up: dict[str, Any]
) -> None:
    index = lsr.Index.build(tmp_path / "idx", [("a", {"cat": 1.0})], weights="float32")

    with pytest.raises(ConfigError, match="holds float32 weights, all of which every search"):
        index.search({"cat": 1.0}, approximation=lsr.Approximation(**given_up))

    rule = lsr.Approximation(prune=lsr.PruneRule.parse("top_k:1"))
    (hit,) = index.search({"cat": 1.0, "dog": 0.5}, approximation=rule)
    assert hit.doc_id == "a"


def test_a_snapshot_is_an_index_of_its_own(tmp_path: Path) -> None:
    index = lsr.Index.build(tmp_path / "idx", CATS.items())

    index.snapshot(tmp_path / "saved")

    with index.writer() as writer:
        writer.delete("d8")
        writer.commit()
    saved = lsr.Index.open(tmp_path / "saved")
    assert [hit.doc_id for hit in saved.search({"cat": 1.0}, k=2)] == ["d8", "d7"]
    with pytest.raises(IndexExistsError, match="saved is an index already"):
        index.snapshot(tmp_path / "saved")
