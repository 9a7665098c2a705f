"""`lsr eval` measures a model on a dataset; errors are left to the application."""

import json
import shlex
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest
import yaml

from eval_command import LsrEval
from lsr.cli.evaluate import evaluate
from lsr.encoders import EncodedTexts, Passages
from lsr.errors import ConfigError, InvalidInputError
from lsr.retrieval import Index
from word_encoder import WordEncoder


def test_measures_a_model_on_a_folder(lsr_eval: LsrEval, dataset: Path, tmp_path: Path) -> None:
    result = lsr_eval("--dataset", dataset, "--model", "words", "--measures", "RR@10 R@5")

    # d1 and d2 tie for q1 and d1 came first; q3 finds nothing.
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "RR@10\t0.5000\tfloat 0.5000\tquantizer's cost +0.0000",
        "R@5\t0.6667\tfloat 0.6667\tquantizer's cost +0.0000",
    ]
    assert "1 of 3 queries have judgments but no hits; they count as 0." in result.stderr
    notes = " ".join(result.stderr.split())
    # Terms apple, bread and fig are in 1, 2 and 1 of 3 documents and in 0, 1 and 1 of 3 queries.
    assert "3 documents of 1.3 terms, 3 queries of 0.7; 0.33 products of weights" in notes
    assert "Times: indexing" in notes
    assert "p99" in notes
    assert list(tmp_path.iterdir()) == [dataset]


def test_writes_the_run_that_scores_the_same(
    lsr_eval: LsrEval, dataset: Path, tmp_path: Path
) -> None:
    run = tmp_path / "out.trec.gz"
    measured = lsr_eval("--dataset", dataset, "--model", "words", "--run", run, "--json")

    scored = lsr_eval("--qrels", dataset / "qrels" / "test.tsv", "--run", run, "--json")

    assert (
        json.loads(scored.stdout)["runs"][0]["measures"] == json.loads(measured.stdout)["measures"]
    )
    metadata = yaml.safe_load((tmp_path / "out.trec.gz.ir_metadata.yml").read_text())
    assert metadata["schema version"] == "0.2"
    assert metadata["data"]["test collection"]["name"] == str(dataset)


def test_keeps_and_reuses_the_index_that_is_named(
    lsr_eval: LsrEval, dataset: Path, tmp_path: Path
) -> None:
    arguments = ("--dataset", dataset, "--index", tmp_path / "idx", "--measures", "RR@10")
    lsr_eval(*arguments, "--model", "words")

    again = lsr_eval(*arguments)

    assert again.stdout == "RR@10\t0.5000\n"
    assert "to see what the rounding costs, name an --index" in again.stderr


def test_an_index_of_another_model_is_refused(
    lsr_eval: LsrEval, dataset: Path, tmp_path: Path
) -> None:
    arguments = ("--dataset", dataset, "--index", tmp_path / "idx")
    lsr_eval(*arguments, "--model", "words")

    other = lsr_eval(*arguments, "--model", "others")

    assert isinstance(other.exception, ConfigError)
    assert "words" in str(other.exception)


def test_vectors_on_both_sides_need_no_model(
    lsr_eval: LsrEval, dataset: Path, tmp_path: Path
) -> None:
    Index.build(tmp_path / "idx", [("d1", {"x": 1.0}), ("d2", {"x": 2.0})])
    (dataset / "queries.jsonl").write_text('{"id": "q1", "vector": {"x": 1.0}}\n')

    result = lsr_eval("--dataset", dataset, "--index", tmp_path / "idx", "--measures", "RR@10")

    assert result.stdout == "RR@10\t0.3333\n"


def test_a_dataset_may_be_named_file_by_file(
    lsr_eval: LsrEval, dataset: Path, tmp_path: Path
) -> None:
    topics = "<top>\n<num> Number: q1\n<title> bread\n<desc> apple\n</top>\n"
    (tmp_path / "topics.txt").write_text(topics)
    (tmp_path / "qrels.txt").write_text("q1 0 d2 1\n")

    result = lsr_eval(
        *("--corpus", dataset / "corpus.jsonl", "--queries", tmp_path / "topics.txt"),
        *("--qrels", tmp_path / "qrels.txt", "--model", "words", "--measures", "RR@10"),
    )

    assert result.stdout.startswith("RR@10\t0.5000\t")


def test_splits_are_measured_apart_on_one_index(lsr_eval: LsrEval, dataset: Path) -> None:
    qrels = (dataset / "qrels" / "test.tsv").read_text().splitlines()
    (dataset / "qrels" / "dl20.tsv").write_text("\n".join([qrels[0], qrels[2]]))
    arguments = ("--dataset", dataset, "--model", "words", "--split", "test dl20")

    result = lsr_eval(*arguments, "--measures", "RR@10")
    report = json.loads(lsr_eval(*arguments, "--json").stdout)

    assert result.stdout == "test\tRR@10\t0.5000\ndl20\tRR@10\t1.0000\n"
    assert "nDCG@10" in report["splits"]["test"]["measures"]
    # The usual measures of a dataset that nobody knows; those of TREC Deep Learning for the other.
    assert list(report["splits"]["dl20"]["measures"]) == [
        *("nDCG@10", "AP(rel=2)@1000", "R(rel=2)@1000"),
    ]
    assert report["splits"]["dl20"]["n_queries"] == 1
    refused = lsr_eval(*arguments, "--run", dataset / "out.trec")
    assert refused.exit_code == 2
    assert "with --run name one --split" in " ".join(refused.stderr.split())


def test_every_option_of_the_encoder_reaches_it(
    lsr_eval: LsrEval, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: dict[str, object] = {}

    def load(model: str, **options: object) -> WordEncoder:
        said.update(options)
        return WordEncoder(model)

    monkeypatch.setattr("lsr.encoders.load_encoder", load)

    result = lsr_eval(
        *("--dataset", dataset, "--model", "words", "--max-length", 99, "--precision", "int8"),
        *("--method", "splade", "--query-model", "q", "--query-weights", "t.json"),
        *("--backend", "torch", "--on-long", "sum", "--stride", 9, "--template", "t.txt"),
        *("--fold", "f.json"),
    )

    assert result.exit_code == 0, result.stderr
    passages = said.pop("passages")
    assert isinstance(passages, Passages)
    assert passages.as_settings() == {"aggregation": "sum", "stride": 9}
    assert {key: str(value) for key, value in said.items()} == {
        "max_length": "99",
        "precision": "int8",
        "method": "splade",
        "query_model": "q",
        "query_weights": "t.json",
        "backend": "torch",
        "template": "t.txt",
        "fold": "f.json",
    }


def test_a_long_document_is_refused_where_that_is_wanted(
    lsr_eval: LsrEval, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def encode_stream(
        self: WordEncoder, runs: Iterable[Sequence[str]], listener: object = None
    ) -> Iterator[EncodedTexts]:
        for texts in runs:
            yield EncodedTexts(self.encode_documents(texts), truncated=[1])

    monkeypatch.setattr(WordEncoder, "encode_stream", encode_stream)
    arguments = ("--dataset", dataset, "--model", "words")

    refused = lsr_eval(*arguments, "--on-long", "error")
    cut = lsr_eval(*arguments)

    assert isinstance(refused.exception, InvalidInputError)
    assert "document 'd2' has 1 tokens, and the encoder reads 256" in str(refused.exception)
    assert "1 documents were longer than the encoder reads" in cut.stderr


def test_documents_without_text_are_named(lsr_eval: LsrEval, dataset: Path) -> None:
    with (dataset / "corpus.jsonl").open("a") as file:
        file.write('\n{"_id": "d4", "text": " "}\n{"_id": "d5", "text": "of other words"}')

    result = lsr_eval("--dataset", dataset, "--model", "words")

    notes = " ".join(result.stderr.split())
    assert "corpus.jsonl:4: document 'd4' has no text" in notes
    assert notes.count("has no text") == 1


def test_a_missing_corpus_is_said_before_the_model_is_loaded(
    lsr_eval: LsrEval, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (dataset / "corpus.jsonl").unlink()
    monkeypatch.setattr("lsr.encoders.load_encoder", None)

    result = lsr_eval("--dataset", dataset, "--model", "words")

    assert isinstance(result.exception, InvalidInputError)
    assert "holds none of corpus.jsonl" in str(result.exception)


def test_reports_grow_by_the_systems_that_are_measured(
    lsr_eval: LsrEval, dataset: Path, tmp_path: Path
) -> None:
    arguments = ("--dataset", dataset, "--model", "words", "--report", tmp_path / "out")

    lsr_eval(*arguments, "--name", "one")
    result = lsr_eval(*arguments, "--name", "two")

    assert "report.html shows one, two." in " ".join(result.stderr.split())
    # q1 finds its document second: 1 / log2(3); q2 first; q3 not at all.
    assert "<td>0.5436</td>" in (tmp_path / "out" / "report.html").read_text()


def test_a_report_that_cannot_be_written_is_refused_before_anything_is_measured(
    lsr_eval: LsrEval, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lsr.encoders.load_encoder", None)
    (tmp_path / "file").touch()

    result = lsr_eval("--dataset", dataset, "--model", "words", "--report", tmp_path / "file")

    assert isinstance(result.exception, InvalidInputError)
    assert "file for the report cannot be made: File exists" in str(result.exception)


def test_a_system_is_called_by_what_was_said_of_it(lsr_eval: LsrEval, dataset: Path) -> None:
    arguments = ("--dataset", dataset, "--model", "words", "--json", "--measures", "RR@10")

    plain = json.loads(lsr_eval(*arguments, "--precision", "int8").stdout)
    named = json.loads(lsr_eval(*arguments, "--name", "mine").stdout)

    assert (plain["system"], named["system"]) == ("words, precision int8", "mine")


def test_conversations_of_a_query_file_are_asked_whole(lsr_eval: LsrEval, dataset: Path) -> None:
    turns = [{"role": "user", "text": "apple"}, {"role": "user", "text": "unknown"}]
    (dataset / "queries.jsonl").write_text(json.dumps({"_id": "q3", "turns": turns}))

    result = lsr_eval("--dataset", dataset, "--model", "words", "--measures", "RR@10")

    assert result.stdout.startswith("RR@10\t0.3333\t")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "name either --dataset"),
        ("--dataset SET --qrels QRELS", "name either --dataset"),
        ("--corpus SET --qrels QRELS", "name either --dataset"),
        ("--corpus SET --queries SET --qrels QRELS --split dev", "--split goes with --dataset"),
        ("--qrels QRELS --run GOOD --precision int8", "--precision goes with --dataset"),
        ("--qrels QRELS", "at least one --run"),
        ("--qrels QRELS --run GOOD --run GOOD", "named twice"),
        ("--qrels QRELS --run GOOD --model words", "--model goes with --dataset"),
        ("--qrels QRELS --run GOOD --split dev", "--split goes with --dataset"),
        ("--qrels QRELS --run GOOD --threads 2", "--threads goes with --dataset"),
        ("--qrels QRELS --run GOOD --max-length 99", "--max-length goes with --dataset"),
        ("--qrels QRELS --run GOOD --query-forms last", "--query-forms goes with --dataset"),
        ("--dataset SET", "name a --model"),
        ("--dataset SET --model words --split ', '", "--split names nothing"),
        ("--suite beir-13 --model words", "for the --results"),
        ("--suite beir-13 --results out", "name a --model"),
        ("--suite beir-13 --results out --model words --dataset SET", "with --suite go --folder"),
        ("--dataset SET --model words --results out", "go with --suite"),
        ("--qrels QRELS --run GOOD --results out", "go with --suite"),
        ("--qrels QRELS --run GOOD --suite beir-13", "with --suite go --folder"),
        ("--dataset SET --model words --run a --run b", "here, name 1 --run, not 2"),
        ("--dataset SET --model words --run a --run a", "named twice"),
        ("--corpus - --queries SET --qrels QRELS --baseline bm25", "standard input cannot be"),
        ("--dataset SET --model words --run absent/a", "there is no folder absent"),
    ],
)
def test_contradictions_are_usage_errors(
    lsr_eval: LsrEval,
    dataset: Path,
    runs: tuple[Path, Path, Path],
    arguments: str,
    message: str,
) -> None:
    names = {"SET": dataset, "QRELS": runs[0], "GOOD": runs[1]}

    result = lsr_eval(*(names.get(word, word) for word in shlex.split(arguments)))

    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


def test_the_example_of_the_help_runs_as_it_stands(lsr_eval: LsrEval, tmp_path: Path) -> None:
    assert evaluate.__doc__ is not None
    example = " ".join(evaluate.__doc__.split("Example: ")[1].split())
    prepare, separator, command = example.partition(" && lsr eval ")
    assert separator

    subprocess.run(prepare, shell=True, check=True, cwd=tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        result = lsr_eval(*shlex.split(command))

    assert result.stdout.splitlines()[0] == "nDCG@10\t1.0000"
