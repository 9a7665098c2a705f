"""`lsr eval` measures a baseline and the halves of a model beside each other."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from dense_word_encoder import DenseWordEncoder
from eval_command import COLUMNS, LsrEval
from experiments import made_up_experiment
from lsr.cli.side_by_side import print_experiments
from lsr.errors import ConfigError
from lsr.eval.run_file import read_run
from lsr.retrieval import Index


def test_a_baseline_is_compared_with_the_model(lsr_eval: LsrEval, dataset: Path) -> None:
    arguments = ("--dataset", dataset, "--model", "words", "--baseline", "bm25")

    result = lsr_eval(*arguments, "--measures", "RR@10", "--per-query")

    # BM25 prefers d2 for q1, which is shorter than d1; to the model both are the same.
    assert result.stdout.splitlines() == [
        "measure\tBM25\twords",
        "RR@10\t0.6667\t0.5000",
        "RR@10\tq1\t1.0000\t0.5000",
        "RR@10\tq2\t1.0000\t1.0000",
        "RR@10\tq3\t0.0000\t0.0000",
        "",
        "against BM25, by paired t-test and by randomization test (8 permutations), "
        "corrected after Holm:",
        COLUMNS,
        "RR@10\twords\t-0.1667\t-0.5774\t0.4226\t1.0000\tno\t0\t2\t1",
        "",
        "moved most, RR@10, BM25 to words:",
        "q1\t1.0000\t0.5000\t-0.5000",
    ]
    notes = " ".join(result.stderr.split())
    assert "BM25: 3 documents of 1.3 terms, 3 queries of 0.7" in notes
    assert "words: Times: indexing" in notes


def test_json_holds_every_system_and_the_comparison(lsr_eval: LsrEval, dataset: Path) -> None:
    arguments = ("--dataset", dataset, "--model", "words", "--baseline", "bm25", "--json")

    one = json.loads(lsr_eval(*arguments, "--measures", "RR@10", "--per-query").stdout)
    (dataset / "qrels" / "dev.tsv").write_text((dataset / "qrels" / "test.tsv").read_text())
    two = json.loads(lsr_eval(*arguments, "--split", "test dev").stdout)

    assert [system["system"] for system in one["systems"]] == ["BM25", "words"]
    assert one["systems"][0]["per_query"]["RR@10"] == {"q1": 1.0, "q2": 1.0, "q3": 0.0}
    assert one["systems"][0]["encoder"]["k1"] == 0.9
    assert one["comparisons"][0]["difference"] == pytest.approx(-1 / 6)
    assert list(two["splits"]) == ["test", "dev"]
    assert [system["system"] for system in two["splits"]["dev"]["systems"]] == ["BM25", "words"]


def test_a_baseline_alone_needs_no_model(
    lsr_eval: LsrEval, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lsr.encoders.load_encoder", None)
    arguments = ("--dataset", dataset, "--baseline", "bm25", "--measures", "RR@10")

    plain = lsr_eval(*arguments)
    named = lsr_eval(*arguments, "--name", "mine", "--json")

    assert plain.stdout == "RR@10\t0.6667\n"
    assert json.loads(named.stdout)["system"] == "mine"


def test_splits_have_a_table_each(lsr_eval: LsrEval, dataset: Path) -> None:
    (dataset / "qrels" / "dev.tsv").write_text("query-id\tcorpus-id\tscore\nq2\td3\t1\n")

    result = lsr_eval(
        *("--dataset", dataset, "--model", "words", "--baseline", "bm25", "--measures", "RR@10"),
        *("--split", "test dev"),
    )

    lines = result.stdout.splitlines()
    assert lines[:3] == ["test", "measure\tBM25\twords", "RR@10\t0.6667\t0.5000"]
    assert lines[lines.index("dev") - 1 :][:4] == [
        *("", "dev", "measure\tBM25\twords", "RR@10\t1.0000\t1.0000"),
    ]


def test_splits_that_are_ids_of_ir_datasets_are_told_apart_by_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Their ids name the judgments, so that there is no split besides."""
    ids = ("set/dev", "set/test")
    alone = [[replace(made_up_experiment("a", name), split="")] for name in ids]
    beside = [[*one, replace(one[0], system="b")] for one in alone]

    print_experiments(alone, per_query=False, json=False)
    print_experiments(beside, per_query=False, json=False)
    tables = capsys.readouterr().out.splitlines()
    print_experiments(alone, per_query=False, json=True)
    print_experiments(beside, per_query=False, json=True)
    reports = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert tables[:3] == ["set/dev\tnDCG@10\t0.6000", "set/test\tnDCG@10\t0.6000", "set/dev"]
    assert [list(report["splits"]) for report in reports] == [[*ids], [*ids]]


def test_every_system_has_its_run_and_its_place_in_the_report(
    lsr_eval: LsrEval, dataset: Path, tmp_path: Path
) -> None:
    arguments = ("--dataset", dataset, "--model", "words", "--baseline", "bm25")
    names = (tmp_path / "b.trec", tmp_path / "w.trec")

    result = lsr_eval(
        *(*arguments, "--run", names[0], "--run", names[1], "--report", tmp_path / "out")
    )

    assert result.exit_code == 0, result.stderr
    first = [[doc_id for doc_id, _ in read_run(path)["q1"]] for path in names]
    assert first == [["d2", "d1"], ["d1", "d2"]]
    assert "BM25 in Lucene" in (tmp_path / "b.trec.ir_metadata.yml").read_text()
    assert "Against BM25" in (tmp_path / "out" / "report.md").read_text()


def test_a_baseline_is_measured_on_a_suite(
    lsr_eval: LsrEval, dataset: Path, tmp_path: Path
) -> None:
    dataset.rename(tmp_path / "scifact")
    arguments = ("--suite", "beir-13", "--folder", tmp_path, "--results", tmp_path / "results")

    result = lsr_eval(*arguments, "--baseline", "bm25", "--json")

    report = json.loads(result.stdout)
    assert (report["system"], report["n_measured"]) == ("BM25", 1)


@pytest.fixture
def with_dense_half(lsr_eval: LsrEval, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lsr.encoders.load_encoder", lambda *_, **__: DenseWordEncoder())
    monkeypatch.setattr("lsr.retrieval.blueprint.reload_encoder", lambda *_: DenseWordEncoder())


@pytest.mark.usefixtures("with_dense_half")
def test_the_halves_of_a_model_are_measured_apart_and_together(
    lsr_eval: LsrEval, dataset: Path, tmp_path: Path
) -> None:
    arguments = ("--dataset", dataset, "--measures", "nDCG@10", "--index", tmp_path / "idx")
    runs = [tmp_path / f"{name}.trec" for name in ("sparse", "dense", "hybrid")]

    result = lsr_eval(
        *(*arguments, "--model", "words", "--hybrid", "--alpha", "0.3", "--json"),
        *(word for path in runs for word in ("--run", path)),
    )
    again = lsr_eval(*arguments, "--hybrid")

    assert result.exit_code == again.exit_code == 0, result.stderr + again.stderr
    names = ["words, sparse", "words, dense", "words, hybrid 0.3"]
    report = json.loads(result.stdout)
    assert [one["system"] for one in report["systems"]] == names
    assert again.stdout.splitlines()[0] == "measure\twords, sparse\twords, dense\twords, hybrid 0.5"
    index = Index.open(tmp_path / "idx", encoder=DenseWordEncoder())
    for path, alpha in zip(runs, (None, 1.0, 0.3), strict=True):
        assert [doc_id for doc_id, _ in read_run(path)["q1"]] == [
            hit.doc_id for hit in index.search("bread", alpha=alpha)
        ]
    sparse, dense, hybrid = (one["cost"] for one in report["systems"])
    # A dense row has as many numbers as the encoder says, and each is multiplied.
    assert (dense["terms_per_query"], dense["flops"]) == (0.0, DenseWordEncoder.dense_size)
    assert hybrid["flops"] == pytest.approx(sparse["flops"] + DenseWordEncoder.dense_size)
    assert hybrid["encoding"]["mean_ms"] > 0
    assert "share of 0.3" in report["systems"][2]["retrieval"]
    assert report["systems"][0]["float_measures"] is not None
    assert report["systems"][2]["float_measures"] is None


def test_a_model_without_a_dense_half_is_refused_before_anything_is_indexed(
    lsr_eval: LsrEval, dataset: Path, tmp_path: Path
) -> None:
    arguments = ("--dataset", dataset, "--index", tmp_path / "idx", "--hybrid")

    new = lsr_eval(*arguments, "--model", "words")
    made = (tmp_path / "idx").exists()
    lsr_eval(*arguments[:-1], "--model", "words")
    old = lsr_eval(*arguments)

    assert isinstance(new.exception, ConfigError)
    assert "words gives texts no dense half" in str(new.exception)
    assert not made
    assert isinstance(old.exception, ConfigError)
    assert "has no dense half" in str(old.exception)


@pytest.mark.usefixtures("with_dense_half")
def test_vectors_have_no_dense_half_to_ask(
    lsr_eval: LsrEval, dataset: Path, tmp_path: Path
) -> None:
    arguments = ("--dataset", dataset, "--index", tmp_path / "idx", "--hybrid")
    lsr_eval(*arguments, "--model", "words")
    (dataset / "queries.jsonl").write_text('{"id": "q1", "vector": {"bread": 1.0}}\n')

    result = lsr_eval(*arguments)

    assert "which have no dense half; a hybrid search needs texts" in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--model words --baseline bm25 --run one.trec", "here, name 2 --run, not 1"),
        ("--model words --baseline bm25 --name BM25", "is called BM25 already"),
        ("--model words --hybrid --run one.trec", "here, name 3 --run, not 1"),
        ("--model words --baseline bm25 --query-forms last", "leave out --baseline"),
        ("--model words --baseline tfidf", "'tfidf' is not"),
        ("--model words --alpha 0.5", "--alpha goes with --hybrid"),
        ("--baseline bm25 --hybrid", "--hybrid goes with a model"),
        ("--baseline bm25 --query-weights idf.json", "--query-weights goes with a model"),
    ],
)
def test_contradictions_are_usage_errors(
    lsr_eval: LsrEval, dataset: Path, arguments: str, message: str
) -> None:
    result = lsr_eval("--dataset", dataset, *arguments.split())

    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
