import json
from pathlib import Path
from typing import Any

import pytest

from dense_word_encoder import DenseWordEncoder
from lsr.errors import ConfigError, InvalidInputError
from lsr.eval import experiment as subject
from lsr.eval.datasets import Dataset, load_dataset
from lsr.eval.experiment import Experiment, run_experiment
from lsr.eval.measures import evaluate, parse_measures
from lsr.eval.run_file import read_run, write_run
from word_encoder import WORDS, WordEncoder

MEASURES = "nDCG@10 RR@10"
TEXTS = {
    "a": "apple apple bread",
    "b": "bread cheese",
    "c": "cheese cheese fig honey",
    "d": "fig",
    "e": "nothing known",
}


def _dataset(folder: Path, queries: dict[str, str], qrels: str) -> Dataset:
    (folder / "qrels").mkdir(parents=True)
    for stem, texts in (("corpus", TEXTS), ("queries", queries)):
        lines = [json.dumps({"_id": key, "text": text}) for key, text in texts.items()]
        (folder / f"{stem}.jsonl").write_text("\n".join(lines))
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + qrels)
    return load_dataset(str(folder))


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    queries = {"q1": "apple bread", "q2": "cheese honey", "q3": "nothing"}
    return _dataset(tmp_path / "set", queries, "q1\tb\t1\nq2\tc\t2\nq2\tb\t1\nq3\te\t1\n")


def _run(dataset: Dataset, path: Path, encoder: Any = None) -> Experiment:
    return run_experiment(dataset, path, encoder, parse_measures(MEASURES), threads=2)


def test_builds_searches_and_evaluates(dataset: Dataset, tmp_path: Path) -> None:
    result = _run(dataset, tmp_path / "index", WordEncoder())

    # q1 finds its document second, q2 both in the ideal order, q3 nothing.
    assert result.index.means["RR@10"] == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert result.index.n_without_hits == 1
    assert [doc_id for doc_id, _ in result.run["q2"]] == ["c", "b"]
    assert (result.n_docs, result.n_queries, result.system) == (5, 3, "words")
    assert result.encoder == {"model": "words", "max_length": 256, "precision": "float32"}
    assert result.cost.indexing_s is not None
    assert result.cost.indexing_s > 0


def test_the_cost_of_rounding_is_float_minus_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps of 64 / 255 put c before b: exactly, b scores 1.633 and c 1.620."""
    monkeypatch.setattr(WordEncoder, "weight_ceiling", 64.0)
    dataset = _dataset(tmp_path / "set", {"q1": "bread cheese cheese"}, "q1\tb\t1\n")

    result = _run(dataset, tmp_path / "index", WordEncoder())

    assert [doc_id for doc_id, _ in result.run["q1"]] == ["c", "b", "a"]
    assert result.float_weights is not None
    assert result.float_weights.means["RR@10"] == 1.0
    assert result.quantization_cost is not None
    assert result.quantization_cost["RR@10"] == 0.5


def test_the_run_written_is_the_run_that_was_measured(dataset: Dataset, tmp_path: Path) -> None:
    result = _run(dataset, tmp_path / "index", WordEncoder())

    write_run(tmp_path / "run.trec", result.run)

    again = evaluate(dataset.qrels, read_run(tmp_path / "run.trec"), parse_measures(MEASURES))
    assert again == result.index


def test_an_index_that_exists_is_used_and_its_cost_is_unknown(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _run(dataset, tmp_path / "index", WordEncoder())
    monkeypatch.setattr(
        "lsr.retrieval.blueprint.reload_encoder",
        lambda settings, _: WordEncoder(settings["model"]),
    )

    again = _run(dataset, tmp_path / "index")

    assert again.index == first.index
    assert (again.float_weights, again.quantization_cost) == (None, None)
    assert again.cost.indexing_s is None


def test_an_existing_index_of_another_corpus_size_is_warned_about(
    dataset: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    _run(dataset, tmp_path / "index", WordEncoder())
    monkeypatch.setattr(subject, "corpus_size", lambda corpus: 7)

    _run(dataset, tmp_path / "index", WordEncoder())

    assert "holds 5 documents" in caplog.text


def test_relevant_documents_that_the_index_lacks_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As after a download that ended early; judgments of 0 do not matter."""
    qrels = "q1\tb\t1\nq1\tmissing\t2\nq1\tabsent\t0\n"
    dataset = _dataset(tmp_path / "set", {"q1": "apple bread"}, qrels)

    _run(dataset, tmp_path / "index", WordEncoder())

    assert "words: the index lacks 1 of the 2 relevant documents" in caplog.text


@pytest.mark.parametrize(("name", "found"), [("arguana", ["c", "a"]), ("other", ["b", "c"])])
def test_only_named_collections_lose_self_matches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, found: list[str]
) -> None:
    """The query is document b, which comes first; without it the depth of 2 stays full."""
    monkeypatch.setattr(subject, "K", 2)
    dataset = _dataset(tmp_path / name, {"b": TEXTS["b"]}, "b\tc\t1\n")

    result = _run(dataset, tmp_path / "index", WordEncoder())

    assert [doc_id for doc_id, _ in result.run["b"]] == found
    assert result.float_weights is not None
    assert result.float_weights.means == pytest.approx(result.index.means)


def test_the_report_is_json_without_rankings(dataset: Dataset, tmp_path: Path) -> None:
    report = _run(dataset, tmp_path / "index", WordEncoder()).as_dict()

    assert json.loads(json.dumps(report))["measures"].keys() == {"nDCG@10", "RR@10"}
    assert report["quantization_cost"].keys() == report["float_measures"].keys()
    assert not {"run", "index", "float_weights"} & report.keys()


def test_needs_an_encoder_to_make_an_index(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"There is no index at .*; name a model"):
        _run(dataset, tmp_path / "index")


def test_leaves_a_folder_that_is_no_index_alone(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")

    with pytest.raises(InvalidInputError, match="not an index"):
        _run(dataset, tmp_path / "mine", WordEncoder())

    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"


def test_query_vectors_need_an_index_made_before(dataset: Dataset, tmp_path: Path) -> None:
    lines = [json.dumps({"id": "q1", "vector": {WORDS[0]: 1.0}})]
    Path(dataset.corpus, "queries.jsonl").write_text("\n".join(lines))

    with pytest.raises(ConfigError, match="are vectors, which no model encodes"):
        _run(load_dataset(dataset.corpus), tmp_path / "index", WordEncoder())


def test_a_hybrid_ranking_has_no_float_weights_to_compare_with(
    dataset: Dataset, tmp_path: Path
) -> None:
    result = run_experiment(
        *(dataset, tmp_path / "index", DenseWordEncoder(), parse_measures(MEASURES)), alpha=0.5
    )

    assert result.float_weights is None
    assert "a share of 0.5 for the dense ones" in result.retrieval
