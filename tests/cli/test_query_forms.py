"""`lsr eval --query-forms` asks the same questions in several forms."""

import json
from pathlib import Path

import pytest

from eval_command import COLUMNS, LsrEval


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


def test_asks_in_several_forms_and_compares_them(lsr_eval: LsrEval, conversations: Path) -> None:
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


def test_json_of_forms_holds_each_and_the_comparison(
    lsr_eval: LsrEval, conversations: Path
) -> None:
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
    lsr_eval: LsrEval, conversations: Path, tmp_path: Path
) -> None:
    result = lsr_eval(
        *("--dataset", conversations, "--model", "words", "--measures", "RR@10"),
        *("--query-forms", "whole", "--run", tmp_path / "out.trec"),
    )

    assert result.stdout == "RR@10\t0.8333\tfloat 0.8333\tquantizer's cost +0.0000\n"
    assert (tmp_path / "out.trec").read_text().startswith("q1 Q0 d1 1 ")


def test_each_form_has_its_run(lsr_eval: LsrEval, conversations: Path, tmp_path: Path) -> None:
    arguments = ("--dataset", conversations, "--model", "words", "--query-forms", "last whole")
    runs = [tmp_path / "last.trec", tmp_path / "whole.trec"]

    one = lsr_eval(*arguments, "--run", runs[0])
    both = lsr_eval(*arguments, "--run", runs[0], "--run", runs[1])

    assert one.exit_code == 2
    assert "here, name 2 --run, not 1" in " ".join(one.stderr.split())
    assert both.exit_code == 0, both.stderr
    assert ["q3" in path.read_text() for path in runs] == [False, True]


def test_forms_and_splits_are_reported(
    lsr_eval: LsrEval, conversations: Path, tmp_path: Path
) -> None:
    arguments = ("--dataset", conversations, "--model", "words", "--report", tmp_path / "out")
    qrels = (conversations / "qrels" / "test.tsv").read_text()
    (conversations / "qrels" / "dev.tsv").write_text(qrels)

    forms = lsr_eval(*arguments, "--query-forms", "last whole")
    splits = lsr_eval(*arguments, "--split", "test,dev")

    assert forms.exit_code == splits.exit_code == 0
    assert "2 words, whole" in (tmp_path / "out" / "report.md").read_text()
    assert "1 words" in (tmp_path / "out" / "dev" / "report.md").read_text()
