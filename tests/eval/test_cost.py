import json
from pathlib import Path

import numpy as np
import pytest

from lsr.conversations import Question
from lsr.documents import QueryBatch
from lsr.eval import cost as subject
from lsr.eval.cost import Cost, Latencies, measure_cost
from lsr.retrieval import Index
from lsr.sparse import SparseBatch
from word_encoder import WordEncoder

QUESTIONS = ["apple bread", "cheese", "nothing known", "apple apple fig"]


def _cost(index: Index, queries: QueryBatch) -> Cost:
    return measure_cost(
        *(index, index.vectors_of(queries), 2, 1.5),
        encode=lambda row: index.vector_of(queries.questions[row]),
    )


@pytest.fixture
def index(tmp_path: Path) -> Index:
    index = Index.create(tmp_path / "idx", encoder=WordEncoder())
    with index.writer() as writer:
        texts = ["apple bread", "bread cheese fig", "fig", "none"]
        writer.add_documents([{"id": f"d{n}", "text": text} for n, text in enumerate(texts)])
        writer.commit()
    return index


def test_measures_time_size_and_work(index: Index) -> None:
    queries = QueryBatch([f"q{n}" for n in range(4)], QUESTIONS)

    cost = _cost(index, queries)

    assert cost.encoding is not None
    assert (len(cost.encoding.ms), len(cost.search.ms)) == (4, 4)
    assert min(cost.encoding.ms + cost.search.ms) > 0
    assert cost.queries_per_second.keys() == {1, 2}
    assert (cost.query_terms, cost.documents_by_terms) == ([2, 1, 0, 2], {0: 1, 1: 1, 2: 1, 3: 1})
    assert (cost.terms_per_query, cost.terms_per_document) == (5 / 4, 6 / 4)
    # apple, bread, cheese and fig are in 2, 1, 1, 1 of 4 queries and 1, 2, 1, 2 of 4 documents.
    assert cost.flops == pytest.approx((2 + 2 + 1 + 2) / 16)
    info = index.info()
    assert cost.index_bytes == info["size_bytes"] > cost.search_bytes > 0
    assert cost.bytes_per_posting == cost.search_bytes / 6
    assert (cost.k, cost.indexing_s) == (2, 1.5)


def test_the_report_is_json_and_holds_every_figure(index: Index) -> None:
    report = _cost(index, QueryBatch(["q"], ["apple"])).as_dict()

    assert json.loads(json.dumps(report)) == report
    assert report["search"].keys() == {
        "n_queries",
        "mean_ms",
        "p50_ms",
        "p95_ms",
        "p99_ms",
        "max_ms",
    }
    assert report["queries_per_second"].keys() == {"1", "2"}
    assert report["peak_memory_bytes"] > 1e7


def test_times_at_most_so_many_queries_spread_over_all(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "MAX_TIMED", 2)
    asked = []
    vector_of = Index.vector_of

    def noted(index: Index, question: Question) -> SparseBatch:
        asked.append(question)
        return vector_of(index, question)

    monkeypatch.setattr(Index, "vector_of", noted)

    cost = _cost(index, QueryBatch([f"q{n}" for n in range(4)], QUESTIONS))

    assert len(cost.search.ms) == 2
    assert asked[-2:] == [QUESTIONS[0], QUESTIONS[2]]
    assert len(cost.query_terms) == 4


def test_queries_that_are_vectors_take_no_encoding(tmp_path: Path) -> None:
    index = Index.build(tmp_path / "idx", [("d1", {"x": 1.0})])
    vectors = index.vector_of({"x": 2.0})

    cost = measure_cost(index, vectors, 10, None, encode=None)

    assert cost.encoding is None
    assert cost.as_dict()["encoding"] is None


def test_percentiles_are_those_of_numpy() -> None:
    ms = np.random.default_rng(1).gamma(2, 3, 101).tolist()

    found = Latencies(ms).as_dict()

    # With 101 values, the percentiles are values themselves.
    assert [found[f"p{share}_ms"] for share in (50, 95, 99)] == pytest.approx(
        [sorted(ms)[share] for share in (50, 95, 99)]
    )
    assert found["mean_ms"] == pytest.approx(sum(ms) / 101)
