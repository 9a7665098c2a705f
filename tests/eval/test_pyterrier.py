import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lsr.errors import ConfigError, IndexExistsError, InvalidInputError
from tiny_models import save_tiny_model

pd = pytest.importorskip("pandas")
pt = pytest.importorskip("pyterrier", reason="PyTerrier comes with the extra [bench]")

from lsr.eval.pyterrier import LsrIndex  # noqa: E402  (needs PyTerrier)

DOCUMENTS = [
    {"docno": "a", "toks": {"cat": 200, "milk": 7}},
    {"docno": "b", "toks": {"cat": 3, "dog": 1}},
    {"docno": "c", "toks": {"bird": 9}},
]
TOPICS = [
    {"qid": "1", "query_toks": {"cat": 2.0, "dog": 5.0}, "topic": "pets"},
    {"qid": "2", "query_toks": {"fish": 1.0}, "topic": "sea"},
    {"qid": "3", "query_toks": {"bird": 1.0, "milk": 2.0}, "topic": "more"},
]
EXPECTED = [
    ("1", "pets", "a", 400.0, 0),
    ("1", "pets", "b", 11.0, 1),
    ("3", "more", "a", 14.0, 0),
    ("3", "more", "c", 9.0, 1),
]


def rows(frame: Any, *columns: str) -> list[tuple[Any, ...]]:
    return list(frame[list(columns)].itertuples(index=False, name=None))


@pytest.fixture
def index(tmp_path: Path) -> LsrIndex:
    return LsrIndex(tmp_path / "idx").toks_indexer().index(DOCUMENTS)


def test_tokens_are_ranked_by_dot_products_with_the_columns_of_the_query(index: LsrIndex) -> None:
    found = index.quantized()(pd.DataFrame(TOPICS))

    assert rows(found, "qid", "topic", "docno", "score", "rank") == EXPECTED


def test_another_index_of_pisa_gives_the_same_frame(index: LsrIndex, tmp_path: Path) -> None:
    pisa = pytest.importorskip("pyterrier_pisa")
    other = pisa.PisaIndex(str(tmp_path / "pisa"), stemmer="none", stops="none")
    other.toks_indexer(scale=1.0).index(iter(DOCUMENTS))
    topics = pd.DataFrame([one for one in TOPICS if one["qid"] != "2"])

    theirs = other.quantized(num_results=10, toks_scale=1.0)(topics)
    ours = index.quantized(num_results=10)(topics)

    assert list(ours.columns) == list(theirs.columns)
    columns = ("qid", "docno", "score", "rank")
    assert sorted(rows(ours, *columns)) == sorted(rows(theirs, *columns))


def test_a_rank_cutoff_asks_for_fewer_hits(index: LsrIndex) -> None:
    cut: Any = index.quantized() % 1
    pipeline = cut.compile()

    assert pipeline.num_results == 1
    assert rows(pipeline(pd.DataFrame(TOPICS)), "qid", "docno") == [("1", "a"), ("3", "a")]
    assert index.quantized(num_results=5).fuse_rank_cutoff(5) is None


def test_without_queries_there_are_columns_and_no_rows(index: LsrIndex) -> None:
    found = index.quantized()(pd.DataFrame(columns=["qid", "query_toks"]))

    assert list(found.columns) == ["qid", "query_toks", "docno", "score", "rank"]
    assert len(found) == 0


def test_texts_are_encoded_by_the_model_for_both_sides(tmp_path: Path) -> None:
    model = save_tiny_model(tmp_path / "model")
    texts = [{"docno": "x", "text": "the index and the query"}, {"docno": "y", "text": "a song"}]
    made = LsrIndex(tmp_path / "idx", model=str(model))

    assert not made.built()
    retriever = made.index(texts).quantized(num_results=2)
    assert made.built()
    found = retriever.search("the index")

    # A random network still gives a text more than what it shares with another text.
    assert set(found["docno"]) == {"x", "y"}
    assert list(found["rank"]) == [0, 1]
    assert found["score"].is_monotonic_decreasing


def test_an_index_is_replaced_when_asked_only(index: LsrIndex) -> None:
    with pytest.raises(IndexExistsError):
        index.toks_indexer().index(DOCUMENTS)

    index.toks_indexer(mode="overwrite").index(DOCUMENTS[:1])
    LsrIndex(index.path, overwrite=True).index(DOCUMENTS[1:2])
    assert rows(LsrIndex(index.path).quantized()(pd.DataFrame(TOPICS)), "docno") == [("b",)]


def test_mistakes_are_one_sentence(index: LsrIndex, tmp_path: Path) -> None:
    other = LsrIndex(tmp_path / "other")
    with pytest.raises(InvalidInputError, match="Document 2 has no 'toks'; it has docno, text"):
        other.index([DOCUMENTS[0], {"docno": "b", "text": "x"}])
    with pytest.raises(ConfigError, match="Texts need a model"):
        other.indexer()
    with pytest.raises(ConfigError, match="'append' is unknown; choose create or overwrite"):
        other.toks_indexer(mode="append")
    bad = pd.DataFrame([{"qid": "7", "query_toks": {"cat": -1.0}}])
    with pytest.raises(InvalidInputError, match="the query '7'"):
        index.quantized()(bad)
    with pytest.raises(KeyError, match="qid"):
        index.quantized()(pd.DataFrame([{"text": "no query"}]))


def test_a_run_is_measured_by_an_experiment(index: LsrIndex) -> None:
    qrels = pd.DataFrame([{"qid": "1", "docno": "b", "label": 1}])
    topics = pd.DataFrame(TOPICS[:1])

    table = pt.Experiment([index.quantized()], topics, qrels, eval_metrics=["recip_rank"])

    assert table["recip_rank"].tolist() == [0.5]


def test_no_java_is_started() -> None:
    code = (
        "import sys, lsr.eval.pyterrier, pyterrier\n"
        "assert not pyterrier.java.started()\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_documented_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "pyterrier.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)

    printed: list[Any] = []
    exec(example, {"print": printed.append})

    found, table = printed
    assert rows(found, "docno", "score", "rank") == [("a", 3.0, 0), ("b", 1.0, 1)]
    assert table["recip_rank"].tolist() == [1.0]
