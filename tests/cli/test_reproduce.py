import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from command import lsr
from lsr.eval import published

TABLE = """
[collections]
stored = { folder = "runs", qrels = "qrels.tsv", run = "{system}.trec" }
absent = { irds = "beir/scifact/test" }
pair = { mean_of = ["stored", "stored"] }

[[systems.near.published]]
source = "first"
figures.stored = { "RR@10" = NEAR, "P@1" = 1.0 }

[[systems.near.published]]
source = "second"
figures.stored = { "RR@10" = 0.5 }
figures.pair = { "RR@10" = 0.5 }

[systems.far]
model = "no/such-model"
published = [{ source = "third", figures = { absent = { "nDCG@10" = 0.9 } } }]

[systems.never]
obstacle = "it was never trained"
"""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with one stored ranking, whose RR@10 is 0.5 and whose P@1 is 0."""
    folder = tmp_path / "runs"
    folder.mkdir()
    (folder / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td2\t1\n")
    (folder / "near.trec").write_text("q1 Q0 d1 1 2.0 x\nq1 Q0 d2 2 1.0 x\n")
    monkeypatch.setenv("IR_DATASETS_HOME", str(tmp_path / "none"))
    monkeypatch.delenv("LSR_DATA", raising=False)
    yield tmp_path
    _forget()


def _publish(folder: Path, monkeypatch: pytest.MonkeyPatch, near: float) -> None:
    table = folder / "published.toml"
    table.write_text(TABLE.replace("NEAR", str(near)))
    monkeypatch.setattr(published, "PUBLISHED_FILE", table)
    _forget()


def _forget() -> None:
    published.publications.cache_clear()
    published.published_claims.cache_clear()


def test_figures_are_compared_and_a_failure_ends_with_1(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _publish(data, monkeypatch, near=0.504)

    done = lsr("reproduce", "near/stored", "--data", data)

    assert done.code == 1
    command, head, *rows = done.stdout.splitlines()
    assert command.startswith(f"$ lsr eval --qrels {data}/runs/qrels.tsv --run {data}/runs/near")
    assert command.endswith("--measures 'RR@10 P@1'")
    assert head.split("\t")[1:6] == ["measure", "published", "ours", "difference", "verdict"]
    assert [row.split("\t")[1:] for row in rows] == [
        ["RR@10", "0.5040", "0.5000", "-0.0040", "okish", "first"],
        ["P@1", "1.0000", "0.0000", "-1.0000", "fail", "first"],
        ["RR@10", "0.5000", "0.5000", "+0.0000", "ok", "second"],
    ]


def test_json_has_commands_figures_and_what_is_lacking(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _publish(data, monkeypatch, near=0.5)

    done = lsr("reproduce", "near/pair", "--dataset", data / "runs", "--json")
    assert done.code == 2  # a mean has no one folder

    done = lsr("reproduce", "near/pair", "--data", data, "--json", "--quiet")
    assert (done.code, done.stderr) == (0, "")
    (outcome,) = json.loads(done.stdout)
    assert len(outcome["commands"]) == 2
    (figure,) = outcome["figures"]
    assert figure["verdict"] == "ok"
    assert figure["ours"] == figure["published"] == 0.5


def test_of_several_names_those_that_need_something_are_listed_with_the_reason(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _publish(data, monkeypatch, near=0.5)

    done = lsr("reproduce", "all", "--data", data)

    assert done.code == 1  # P@1
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    skipped = {row[0]: row[2] for row in rows if row[1:2] == ["not run"]}
    assert set(skipped) == {"far/absent", "never"}
    assert "no/such-model is not in the hub's local cache" in skipped["far/absent"]
    assert "beir/scifact/test is not here" in skipped["far/absent"]
    assert skipped["never"] == "it was never trained"
    assert "ok: 3, fail: 1, not run: 2." in done.stderr


def test_nothing_run_is_no_success(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _publish(data, monkeypatch, near=0.5)

    for name in ("never", "near/stored"):
        done = lsr("reproduce", name)
        assert done.code == 1
        assert "\tnot run\t" in done.stdout


def test_a_command_that_fails_is_an_error_with_its_own_sentence(
    data: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    _publish(data, monkeypatch, near=0.5)
    (data / "runs" / "near.trec").write_text("q1 Q0 d1\n")

    done = lsr("reproduce", "near/stored", "--data", data)

    assert done.code == 1
    assert done.stdout.splitlines()[-1].split("\t")[1:] == [
        "error",
        "the command ended with exit code 1",
    ]
    assert "error: " in capfd.readouterr().err


def test_the_list_says_what_each_figure_needs(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _publish(data, monkeypatch, near=0.5)

    done = lsr("reproduce", "--list", "--data", data)
    assert done.code == 0
    rows = {line.split("\t")[0]: line.split("\t")[3] for line in done.stdout.splitlines()[1:]}
    assert rows["near/stored"] == rows["near/pair"] == "nothing: all is here"
    assert rows["never"] == "it was never trained"
    assert "2 of 4 can be measured" in done.stderr

    done = lsr("reproduce", "far", "--list", "--json")
    (listed,) = json.loads(done.stdout)
    assert not listed["here"]
    assert len(listed["lacks"]) == 2
    assert listed["figures"] == [{"measure": "nDCG@10", "value": 0.9, "source": "third"}]
    assert listed["commands"] == [
        "lsr eval --dataset beir/scifact/test --model no/such-model --measures nDCG@10"
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "name what to reproduce"),
        (("all", "--model", "x"), "--model goes with one system, not with"),
        (("splade-v3", "--dataset", "."), "--dataset goes with one collection"),
        (("bm25/scifact", "--model", "x"), "bm25 has no model; leave --model out"),
        (("splade-v3/scifact", "--dataset", "nowhere"), "'nowhere', which is no folder"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: tuple[str, ...], words: str) -> None:
    done = lsr("reproduce", *arguments)

    assert done.code == 2
    assert words in done.error


def test_a_wrong_name_is_one_sentence() -> None:
    done = lsr("reproduce", "splade-tyni")

    assert done.code == 1
    assert done.error.startswith("No figure of 'splade-tyni' is known; did you mean splade-tiny")


@pytest.mark.slow
def test_stored_rankings_give_the_published_figures(shared_data: Path) -> None:
    for system in ("bm25", "splade-pp-ed"):
        for year in ("dl19", "dl20"):
            name = f"{system}/{year}-run"
            done = lsr("reproduce", name, "--data", shared_data, "--json")
            assert done.code == 0, done.stderr
            (outcome,) = json.loads(done.stdout)
            assert [one["verdict"] for one in outcome["figures"]] == ["ok"]


@pytest.mark.slow
def test_splade_tiny_has_its_figure_on_scifact(shared_data: Path) -> None:
    done = lsr("reproduce", "splade-tiny/scifact", "--data", shared_data, "--json")

    assert done.code == 0, done.stderr
    (outcome,) = json.loads(done.stdout)
    assert [one["verdict"] for one in outcome["figures"]] == ["ok"]


@pytest.mark.slow
def test_bm25_has_its_figures_on_scifact(shared_data: Path) -> None:
    done = lsr("reproduce", "bm25/scifact", "--data", shared_data, "--json")

    assert done.code == 0, done.stderr
    (outcome,) = json.loads(done.stdout)
    # Lucene rounds the lengths of documents.
    assert [one["verdict"] for one in outcome["figures"]] == ["okish", "ok"]
