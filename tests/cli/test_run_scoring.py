"""`lsr eval --qrels --run` scores runs that exist, and compares them with the first."""

import json
from pathlib import Path

from eval_command import COLUMNS, LsrEval
from lsr.errors import ConfigError


def test_scores_one_run(lsr_eval: LsrEval, runs: tuple[Path, Path, Path]) -> None:
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
    lsr_eval: LsrEval, runs: tuple[Path, Path, Path]
) -> None:
    qrels, good, _ = runs
    good.write_text(good.read_text() + "q8 Q0 a 1 2 x\nq9 Q0 a 1 2 x\n")

    result = lsr_eval("--qrels", qrels, "--run", good)

    assert "good.trec: 2 queries of the run have no judgments" in " ".join(result.stderr.split())


def test_compares_runs_with_the_first(lsr_eval: LsrEval, runs: tuple[Path, Path, Path]) -> None:
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


def test_json_of_runs_holds_the_comparison(
    lsr_eval: LsrEval, runs: tuple[Path, Path, Path]
) -> None:
    qrels, good, poor = runs

    result = lsr_eval("--qrels", qrels, "--run", good, "--run", poor, "--json", "--per-query")

    report = json.loads(result.stdout)
    assert [one["measures"]["RR@10"] for one in report["runs"]] == [1.0, 0.5]
    assert report["runs"][1]["per_query"]["RR@10"]["q2"] == 0.5
    assert report["runs"][1]["n_queries_without_hits"] == 1
    assert report["comparisons"][0]["losses"] == 2
    assert report["comparisons"][0]["moved"][0] == {"query_id": "q3", "baseline": 1.0, "run": 0.0}


def test_measures_that_are_left_empty_are_not_those_by_default(
    lsr_eval: LsrEval, dataset: Path, runs: tuple[Path, Path, Path]
) -> None:
    scored = lsr_eval("--qrels", runs[0], "--run", runs[1], "--measures", "")
    measured = lsr_eval("--dataset", dataset, "--model", "words", "--measures", " ")

    for result in (scored, measured):
        assert isinstance(result.exception, ConfigError)
        assert "No measure is named" in str(result.exception)


def test_runs_of_one_file_name_are_told_apart_by_their_folders(
    lsr_eval: LsrEval, runs: tuple[Path, Path, Path]
) -> None:
    qrels, good, poor = runs
    other = qrels.parent / "other" / good.name
    other.parent.mkdir()
    other.write_text(poor.read_text())

    result = lsr_eval("--qrels", qrels, "--run", good, "--run", other, "--measures", "RR@10")

    assert result.stdout.splitlines()[0] == f"measure\t{good}\t{other}"


def test_reports_on_runs(lsr_eval: LsrEval, runs: tuple[Path, Path, Path], tmp_path: Path) -> None:
    qrels, good, poor = runs

    lsr_eval("--qrels", qrels, "--run", good, "--run", poor, "--report", tmp_path / "out")

    assert "Against good.trec" in (tmp_path / "out" / "report.md").read_text()


def test_scores_and_writes_runs_of_ms_marco(
    lsr_eval: LsrEval, dataset: Path, tmp_path: Path, runs: tuple[Path, Path, Path]
) -> None:
    (tmp_path / "poor.tsv").write_text("q1\ta\t1\nq2\tx\t1\nq2\tb\t2\n")
    written = tmp_path / "out.tsv"

    scored = lsr_eval("--qrels", runs[0], "--run", tmp_path / "poor.tsv", "--measures", "RR@10")
    lsr_eval("--dataset", dataset, "--model", "words", "--run", written)

    assert scored.stdout == "RR@10\t0.5000\n"
    assert written.read_text() == "q1\td1\t1\nq1\td2\t2\nq2\td3\t1\n"
