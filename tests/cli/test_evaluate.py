"""`lsr eval`, with the errors left to the application."""

import json
import shlex
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

from lsr.cli.evaluate import evaluate
from lsr.encoders import EncodedTexts, Passages
from lsr.errors import ConfigError, InvalidInputError
from lsr.retrieval import Index
from word_encoder import WordEncoder

Lsr = Callable[..., Result]

COLUMNS = (
    "measure\trun\tdifference\teffect size\tp t-test\tp randomization\tsignificant\t"
    "wins\tties\tlosses"
)


@pytest.fixture
def lsr_eval(monkeypatch: pytest.MonkeyPatch) -> Lsr:
    """Runs the verb; the model `words` is the only one."""

    def load(model: str, **_: object) -> WordEncoder:
        return WordEncoder(model)

    monkeypatch.setattr("lsr.encoders.load_encoder", load)
    monkeypatch.setattr(
        "lsr.retrieval.blueprint.reload_encoder", lambda settings, _: load(settings["model"])
    )
    app = typer.Typer(rich_markup_mode=None)
    app.command()(evaluate)
    return lambda *arguments: CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    (folder / "qrels").mkdir(parents=True)
    for stem, texts in {
        "corpus": {"d1": "apple bread", "d2": "bread", "d3": "fig"},
        "queries": {"q1": "bread", "q2": "fig", "q3": "unknown"},
    }.items():
        lines = [json.dumps({"_id": key, "text": text}) for key, text in texts.items()]
        (folder / f"{stem}.jsonl").write_text("\n".join(lines))
    (folder / "qrels" / "test.tsv").write_text(
        "query-id\tcorpus-id\tscore\nq1\td2\t1\nq2\td3\t1\nq3\td1\t1\n"
    )
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Qrels, a run that finds both answers first, and one that finds the second answer second."""
    contents = {
        "qrels.txt": "q1 0 a 1\nq2 0 b 1\nq3 0 c 1\n",
        "good.trec": "q1 Q0 a 1 2 x\nq2 Q0 b 1 2 x\nq3 Q0 c 1 2 x\n",
        "poor.trec": "q1 Q0 a 1 2 x\nq2 Q0 x 1 2 x\nq2 Q0 b 2 1 x\n",
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    return tmp_path / "qrels.txt", tmp_path / "good.trec", tmp_path / "poor.trec"


def test_measures_a_model_on_a_folder(lsr_eval: Lsr, dataset: Path, tmp_path: Path) -> None:
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


def test_writes_the_run_that_scores_the_same(lsr_eval: Lsr, dataset: Path, tmp_path: Path) -> None:
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
    lsr_eval: Lsr, dataset: Path, tmp_path: Path
) -> None:
    arguments = ("--dataset", dataset, "--index", tmp_path / "idx", "--measures", "RR@10")
    lsr_eval(*arguments, "--model", "words")

    again = lsr_eval(*arguments)

    assert again.stdout == "RR@10\t0.5000\n"
    assert "to see what the rounding costs, name an --index" in again.stderr


def test_an_index_of_another_model_is_refused(lsr_eval: Lsr, dataset: Path, tmp_path: Path) -> None:
    arguments = ("--dataset", dataset, "--index", tmp_path / "idx")
    lsr_eval(*arguments, "--model", "words")

    other = lsr_eval(*arguments, "--model", "others")

    assert isinstance(other.exception, ConfigError)
    assert "words" in str(other.exception)


def test_vectors_on_both_sides_need_no_model(lsr_eval: Lsr, dataset: Path, tmp_path: Path) -> None:
    Index.build(tmp_path / "idx", [("d1", {"x": 1.0}), ("d2", {"x": 2.0})])
    (dataset / "queries.jsonl").write_text('{"id": "q1", "vector": {"x": 1.0}}\n')

    result = lsr_eval("--dataset", dataset, "--index", tmp_path / "idx", "--measures", "RR@10")

    assert result.stdout == "RR@10\t0.3333\n"


def test_a_dataset_may_be_named_file_by_file(lsr_eval: Lsr, dataset: Path, tmp_path: Path) -> None:
    topics = "<top>\n<num> Number: q1\n<title> bread\n<desc> apple\n</top>\n"
    (tmp_path / "topics.txt").write_text(topics)
    (tmp_path / "qrels.txt").write_text("q1 0 d2 1\n")

    result = lsr_eval(
        *("--corpus", dataset / "corpus.jsonl", "--queries", tmp_path / "topics.txt"),
        *("--qrels", tmp_path / "qrels.txt", "--model", "words", "--measures", "RR@10"),
    )

    assert result.stdout.startswith("RR@10\t0.5000\t")


def test_splits_are_measured_apart_on_one_index(lsr_eval: Lsr, dataset: Path) -> None:
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
    lsr_eval: Lsr, dataset: Path, monkeypatch: pytest.MonkeyPatch
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
    }


def test_a_long_document_is_refused_where_that_is_wanted(
    lsr_eval: Lsr, dataset: Path, monkeypatch: pytest.MonkeyPatch
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


def test_a_missing_corpus_is_said_before_the_model_is_loaded(
    lsr_eval: Lsr, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (dataset / "corpus.jsonl").unlink()
    monkeypatch.setattr("lsr.encoders.load_encoder", None)

    result = lsr_eval("--dataset", dataset, "--model", "words")

    assert isinstance(result.exception, InvalidInputError)
    assert "holds none of corpus.jsonl" in str(result.exception)


def test_reports_grow_by_the_systems_that_are_measured(
    lsr_eval: Lsr, dataset: Path, tmp_path: Path
) -> None:
    arguments = ("--dataset", dataset, "--model", "words", "--report", tmp_path / "out")

    lsr_eval(*arguments, "--name", "one")
    result = lsr_eval(*arguments, "--name", "two")

    assert "report.html shows one, two." in " ".join(result.stderr.split())
    # q1 finds its document second: 1 / log2(3); q2 first; q3 not at all.
    assert "<td>0.5436</td>" in (tmp_path / "out" / "report.html").read_text()


def test_a_report_that_cannot_be_written_is_refused_before_anything_is_measured(
    lsr_eval: Lsr, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lsr.encoders.load_encoder", None)
    (tmp_path / "file").touch()

    result = lsr_eval("--dataset", dataset, "--model", "words", "--report", tmp_path / "file")

    assert isinstance(result.exception, InvalidInputError)
    assert "file for the report cannot be made: File exists" in str(result.exception)


def test_reports_on_runs(lsr_eval: Lsr, runs: tuple[Path, Path, Path], tmp_path: Path) -> None:
    qrels, good, poor = runs

    lsr_eval("--qrels", qrels, "--run", good, "--run", poor, "--report", tmp_path / "out")

    assert "Against good.trec" in (tmp_path / "out" / "report.md").read_text()


def test_measures_on_a_suite_and_goes_on_from_its_results(
    lsr_eval: Lsr, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset.rename(tmp_path / "scifact")
    arguments = ("--suite", "beir-13", "--folder", tmp_path, "--results", tmp_path / "results")

    first = lsr_eval(*arguments, "--model", "words")
    monkeypatch.setattr("lsr.encoders.load_encoder", None)
    second = lsr_eval(*arguments, "--model", "words", "--json")
    other = lsr_eval(*arguments, "--model", "words", "--precision", "int8")

    assert first.stdout.splitlines() == [
        "dataset\tnDCG@10\tR@100",
        "scifact\t0.5436\t0.6667",
        "mean of 1 of 13\t0.5436\t0.6667",
    ]
    notes = " ".join(first.stderr.split())
    assert f"quora: left out: There is no folder {tmp_path}/quora." in notes
    assert "over 1 of 13 datasets and not those of beir-13: arguana, climate-fever," in notes
    report = json.loads(second.stdout)
    assert "scifact: measured before" in second.stderr
    assert (report["n_measured"], report["n_datasets"], len(report["missing"])) == (1, 13, 12)
    assert report["means"]["R@100"] == pytest.approx(2 / 3)
    assert isinstance(other.exception, ConfigError)


def test_forms_and_splits_are_reported(lsr_eval: Lsr, conversations: Path, tmp_path: Path) -> None:
    arguments = ("--dataset", conversations, "--model", "words", "--report", tmp_path / "out")
    qrels = (conversations / "qrels" / "test.tsv").read_text()
    (conversations / "qrels" / "dev.tsv").write_text(qrels)

    forms = lsr_eval(*arguments, "--query-forms", "last whole")
    splits = lsr_eval(*arguments, "--split", "test,dev")

    assert forms.exit_code == splits.exit_code == 0
    assert "2 words, whole" in (tmp_path / "out" / "report.md").read_text()
    assert "1 words" in (tmp_path / "out" / "dev" / "report.md").read_text()


def test_a_system_is_called_by_what_was_said_of_it(lsr_eval: Lsr, dataset: Path) -> None:
    arguments = ("--dataset", dataset, "--model", "words", "--json", "--measures", "RR@10")

    plain = json.loads(lsr_eval(*arguments, "--precision", "int8").stdout)
    named = json.loads(lsr_eval(*arguments, "--name", "mine").stdout)

    assert (plain["system"], named["system"]) == ("words, precision int8", "mine")


@pytest.fixture
def conversations(dataset: Path) -> Path:
    """The dataset with what was said before its queries, and rewrites of two of the three."""
    histories = {"q1": ["user: honey?", "agent: and grape"], "q2": [], "q3": ["apple bread"]}
    contents: dict[str, list[dict[str, object]]] = {
        "history": [{"_id": key, "history": turns} for key, turns in histories.items()],
        "queries.rewrite": [{"_id": "q1", "text": "bread"}, {"_id": "q3", "text": "apple"}],
    }
    for name, lines in contents.items():
        (dataset / f"{name}.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return dataset


def test_asks_in_several_forms_and_compares_them(lsr_eval: Lsr, conversations: Path) -> None:
    result = lsr_eval(
        *("--dataset", conversations, "--model", "words", "--measures", "RR@10"),
        *("--query-forms", "last whole,rewrite"),
    )

    # q2 has no rewrite. q1 finds its document second in every form: d1 ties, and came first. q3
    # finds its own by what was said before and by its rewrite. Differences 0 and 1: t = 1 with one
    # degree of freedom, p 0.5, of which Holm makes twice as much; d = 0.5 / sqrt(0.5). Of the four
    # flips of signs all are as far from 0.
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == [
        "measure\tlast\twhole\trewrite",
        "RR@10\t0.2500\t0.7500\t0.7500",
        "",
        "against last, by paired t-test and by randomization test (4 permutations), "
        "corrected after Holm:",
        COLUMNS,
        "RR@10\twhole\t+0.5000\t0.7071\t1.0000\t1.0000\tno\t1\t1\t0",
        "RR@10\trewrite\t+0.5000\t0.7071\t1.0000\t1.0000\tno\t1\t1\t0",
        "",
        "moved most, RR@10, last to whole:",
        "q3\t0.0000\t1.0000\t+1.0000",
        "",
        "moved most, RR@10, last to rewrite:",
        "q3\t0.0000\t1.0000\t+1.0000",
    ]
    notes = " ".join(result.stderr.split())
    assert notes.count("1 of 3 judged queries lack the form rewrite and are left out") == 1
    assert "with their judgments; 2 have every form." in notes
    assert "last: 1 of 2 queries have judgments but no hits" in notes
    assert "whole: 2.0 terms a query; encoding" in notes


def test_json_of_forms_holds_each_and_the_comparison(lsr_eval: Lsr, conversations: Path) -> None:
    result = lsr_eval(
        *("--dataset", conversations, "--model", "words", "--measures", "RR@10", "--json"),
        *("--query-forms", "rewrite last", "--per-query"),
    )

    report = json.loads(result.stdout)
    assert list(report["forms"]) == ["rewrite", "last"]
    assert report["forms"]["rewrite"]["measures"] == {"RR@10": 0.75}
    assert report["forms"]["rewrite"]["per_query"] == {"RR@10": {"q1": 0.5, "q3": 1.0}}
    assert (report["n_judged"], report["n_missing"]) == (3, {"rewrite": 1, "last": 0})
    assert [one["run"] for one in report["comparisons"]] == ["last"]


def test_one_form_is_measured_like_a_dataset(
    lsr_eval: Lsr, conversations: Path, tmp_path: Path
) -> None:
    result = lsr_eval(
        *("--dataset", conversations, "--model", "words", "--measures", "RR@10"),
        *("--query-forms", "whole", "--run", tmp_path / "out.trec"),
    )

    assert result.stdout == "RR@10\t0.8333\tfloat 0.8333\tquantizer's cost +0.0000\n"
    assert (tmp_path / "out.trec").read_text().startswith("q1 Q0 d1 1 ")


def test_conversations_of_a_query_file_are_asked_whole(lsr_eval: Lsr, dataset: Path) -> None:
    turns = [{"role": "user", "text": "apple"}, {"role": "user", "text": "unknown"}]
    (dataset / "queries.jsonl").write_text(json.dumps({"_id": "q3", "turns": turns}))

    result = lsr_eval("--dataset", dataset, "--model", "words", "--measures", "RR@10")

    assert result.stdout.startswith("RR@10\t0.3333\t")


def test_scores_one_run(lsr_eval: Lsr, runs: tuple[Path, Path, Path]) -> None:
    qrels, _, poor = runs

    result = lsr_eval("--qrels", qrels, "--run", poor, "--measures", "RR@10", "--per-query")

    assert result.stdout.splitlines() == [
        "RR@10\t0.5000",
        "RR@10\tq1\t1.0000",
        "RR@10\tq2\t0.5000",
        "RR@10\tq3\t0.0000",
    ]
    assert "poor.trec: 1 of 3 queries have judgments but no hits" in result.stderr


def test_says_which_queries_of_a_run_count_for_nothing(
    lsr_eval: Lsr, runs: tuple[Path, Path, Path]
) -> None:
    qrels, good, _ = runs
    good.write_text(good.read_text() + "q8 Q0 a 1 2 x\nq9 Q0 a 1 2 x\n")

    result = lsr_eval("--qrels", qrels, "--run", good)

    assert "good.trec: 2 queries of the run have no judgments" in " ".join(result.stderr.split())


def test_compares_runs_with_the_first(lsr_eval: Lsr, runs: tuple[Path, Path, Path]) -> None:
    qrels, good, poor = runs

    result = lsr_eval("--qrels", qrels, "--run", good, "--run", poor, "--measures", "RR@10")

    # Differences 0, -0.5, -1: t = -sqrt(3) with 2 degrees of freedom, p 0.2254; d = -0.5 / 0.5. Of
    # the eight flips of signs, those of both losses alike are as far from 0: four.
    assert result.stdout.splitlines() == [
        "measure\tgood.trec\tpoor.trec",
        "RR@10\t1.0000\t0.5000",
        "",
        "against good.trec, by paired t-test and by randomization test (8 permutations), "
        "corrected after Holm:",
        COLUMNS,
        "RR@10\tpoor.trec\t-0.5000\t-1.0000\t0.2254\t0.5000\tno\t0\t1\t2",
        "",
        "moved most, RR@10, good.trec to poor.trec:",
        "q3\t1.0000\t0.0000\t-1.0000",
        "q2\t1.0000\t0.5000\t-0.5000",
    ]


def test_json_of_runs_holds_the_comparison(lsr_eval: Lsr, runs: tuple[Path, Path, Path]) -> None:
    qrels, good, poor = runs

    result = lsr_eval("--qrels", qrels, "--run", good, "--run", poor, "--json", "--per-query")

    report = json.loads(result.stdout)
    assert [one["measures"]["RR@10"] for one in report["runs"]] == [1.0, 0.5]
    assert report["runs"][1]["per_query"]["RR@10"]["q2"] == 0.5
    assert report["runs"][1]["n_queries_without_hits"] == 1
    assert report["comparisons"][0]["losses"] == 2
    assert report["comparisons"][0]["moved"][0] == {"query_id": "q3", "baseline": 1.0, "run": 0.0}


def test_runs_of_one_file_name_are_told_apart_by_their_folders(
    lsr_eval: Lsr, runs: tuple[Path, Path, Path]
) -> None:
    qrels, good, poor = runs
    other = qrels.parent / "other" / good.name
    other.parent.mkdir()
    other.write_text(poor.read_text())

    result = lsr_eval("--qrels", qrels, "--run", good, "--run", other, "--measures", "RR@10")

    assert result.stdout.splitlines()[0] == f"measure\t{good}\t{other}"


def test_scores_and_writes_runs_of_ms_marco(
    lsr_eval: Lsr, dataset: Path, tmp_path: Path, runs: tuple[Path, Path, Path]
) -> None:
    (tmp_path / "poor.tsv").write_text("q1\ta\t1\nq2\tx\t1\nq2\tb\t2\n")
    written = tmp_path / "out.tsv"

    scored = lsr_eval("--qrels", runs[0], "--run", tmp_path / "poor.tsv", "--measures", "RR@10")
    lsr_eval("--dataset", dataset, "--model", "words", "--run", written)

    assert scored.stdout == "RR@10\t0.5000\n"
    assert written.read_text() == "q1\td1\t1\nq1\td2\t2\nq2\td3\t1\n"


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
        ("--suite beir-13 --model words", "for the --results"),
        ("--suite beir-13 --results out", "name a --model"),
        ("--suite beir-13 --results out --model words --dataset SET", "with --suite go --folder"),
        ("--dataset SET --model words --results out", "go with --suite"),
        ("--qrels QRELS --run GOOD --results out", "go with --suite"),
        ("--qrels QRELS --run GOOD --suite beir-13", "with --suite go --folder"),
        ("--dataset SET --model words --run a --run b", "name --run once"),
        ("--dataset SET --model words --run absent/a", "there is no folder absent"),
    ],
)
def test_contradictions_are_usage_errors(
    lsr_eval: Lsr,
    dataset: Path,
    runs: tuple[Path, Path, Path],
    arguments: str,
    message: str,
) -> None:
    names = {"SET": dataset, "QRELS": runs[0], "GOOD": runs[1]}

    result = lsr_eval(*(names.get(word, word) for word in shlex.split(arguments)))

    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


def test_several_forms_are_not_one_run(lsr_eval: Lsr, conversations: Path, tmp_path: Path) -> None:
    result = lsr_eval(
        *("--dataset", conversations, "--model", "words"),
        *("--query-forms", "last whole", "--run", tmp_path / "out.trec"),
    )

    assert result.exit_code == 2
    assert "one run is written, so with --run name one of" in " ".join(result.stderr.split())


def test_the_example_of_the_help_runs_as_it_stands(lsr_eval: Lsr, tmp_path: Path) -> None:
    assert evaluate.__doc__ is not None
    example = " ".join(evaluate.__doc__.split("Example: ")[1].split())
    prepare, separator, command = example.partition(" && lsr eval ")
    assert separator

    subprocess.run(prepare, shell=True, check=True, cwd=tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        result = lsr_eval(*shlex.split(command))

    assert result.stdout.splitlines()[0] == "nDCG@10\t1.0000"
