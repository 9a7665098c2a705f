import json
from pathlib import Path
from typing import Any

import pytest

from lsr.errors import InvalidInputError
from lsr.training.candidate_file import read_candidates
from lsr.training.data import TrainingData, load_training_data
from lsr.training.recipe import DataPart, Fusion, Missing
from lsr.training.teacher_scores import fused_scores


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_lines(
        tmp_path / "corpus.jsonl",
        [{"_id": f"d{n}", "title": f"T{n}", "text": f"text {n}"} for n in range(8)]
        + [{"_id": "empty", "title": "", "text": " "}],
    )
    write_lines(
        tmp_path / "queries.jsonl", [{"_id": f"q{n}", "text": f"query {n}"} for n in range(3)]
    )
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "train.tsv").write_text(
        "query-id\tcorpus-id\tscore\nq0\td0\t1\nq0\td1\t2\nq0\td2\t0\nq1\td1\t1\n"
    )
    return tmp_path


def write_run(path: Path, hits: dict[str, list[tuple[str, float]]]) -> str:
    path.write_text(
        "".join(
            f"{query_id} Q0 {doc_id} {rank} {score} x\n"
            for query_id, found in hits.items()
            for rank, (doc_id, score) in enumerate(found, 1)
        )
    )
    return str(path)


def loaded(folder: Path, **values: Any) -> TrainingData:
    return load_training_data(DataPart(dataset=str(folder), **values), "[SEP]")


def test_negatives_are_hits_of_some_ranks_that_are_not_relevant(folder: Path) -> None:
    ranked = [(f"d{n}", 10.0 - n) for n in range(6)]
    run = write_run(folder / "run.trec", {"q0": ranked, "q1": ranked})

    data = loaded(folder, negatives=(run,), ranks=(2, 4))

    assert [one.positives for one in data.examples] == [("d0", "d1"), ("d1",)]
    assert [one.negatives for one in data.examples] == [("d2", "d3"), ("d2", "d3")]
    assert data.texts["d3"] == "T3 text 3"
    assert sorted(data.texts) == ["d0", "d1", "d2", "d3"]


def test_several_files_of_negatives_are_joined_and_may_name_positives(folder: Path) -> None:
    write_lines(
        folder / "mined.jsonl",
        [
            {"query_id": "q0", "negatives": ["d5", "d0", "d6"]},
            {"query_id": "q1", "negatives": ["d5"], "positives": ["d7"]},
        ],
    )
    run = write_run(folder / "run.trec", {"q0": [("d6", 2), ("d7", 1)], "q1": [("d7", 1)]})

    data = loaded(folder, negatives=(str(folder / "mined.jsonl"), run))

    assert data.examples[0].negatives == ("d5", "d6", "d7")
    assert data.examples[1].positives == ("d1", "d7")
    assert data.examples[1].negatives == ("d5",)


def test_documents_without_text_are_left_out_and_counted(folder: Path) -> None:
    run = write_run(
        folder / "run.trec", {one: [("empty", 3), ("absent", 2), ("d5", 1)] for one in ("q0", "q1")}
    )

    data = loaded(folder, negatives=(run,))

    assert [one.negatives for one in data.examples] == [("d5",), ("d5",)]
    assert data.counts["absent_documents"] == 2


def test_too_few_negatives_are_counted(folder: Path) -> None:
    run = write_run(folder / "run.trec", {"q0": [("d5", 1)]})

    with pytest.raises(InvalidInputError, match=r"2 of 2 queries have fewer than 2 .*1 have none"):
        loaded(folder, negatives=(run,), negatives_per_query=2)


def test_missing_scores_are_counted(folder: Path) -> None:
    run = write_run(folder / "run.trec", {one: [("d5", 2), ("d6", 1)] for one in ("q0", "q1")})
    scores = write_run(folder / "s.trec", {"q0": [("d0", 2), ("d5", 1)], "q1": [("d6", 1)]})
    values = {"negatives": (run,), "scores": (scores,)}

    with pytest.raises(InvalidInputError, match=r"2 positives of 2 queries .*'d1' of query 'q0'"):
        loaded(folder, **values)
    with pytest.raises(InvalidInputError, match="2 negatives of 2 queries"):
        loaded(folder, **values, missing_positive=Missing.HIGHEST)
    data = loaded(folder, **values, missing_positive=Missing.HIGHEST, missing_negative=Missing.DROP)

    assert [one.negatives for one in data.examples] == [("d5",), ("d6",)]
    assert data.examples[0].scores == {"d0": 2, "d1": 2, "d5": 1}
    assert data.examples[1].scores == {"d1": 1, "d6": 1}


def test_teachers_are_fused() -> None:
    teachers = [{"a": 1.0, "b": 3.0, "c": 2.0, "other": 99.0}, {"a": 40.0, "b": 10.0}]
    wanted = ("a", "b", "c", "d")

    assert fused_scores(teachers, wanted, Fusion.MEAN, 1.0) == {"a": 20.5, "b": 6.5, "c": 2.0}
    assert fused_scores(teachers, wanted, Fusion.MAX, 1.0) == {"a": 40, "b": 10, "c": 2}
    stretched = fused_scores(teachers, wanted, Fusion.MIN_MAX, 30.0)
    assert stretched == pytest.approx({"a": 15, "b": 15, "c": 15}, rel=1e-5)


def test_a_teacher_that_scores_all_alike_says_nothing() -> None:
    assert fused_scores([{"a": 4.0, "b": 4.0}], ("a", "b"), Fusion.MIN_MAX, 30.0) == {
        "a": 0,
        "b": 0,
    }


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"query_id": "q", "negative": ["d"]}', "unknown field `negative`"),
        ('{"negatives": ["d"]}', "missing required field `query_id`"),
        ('{"query_id": 7}', "Expected `str`"),
        ("q1\td1", r"file\.jsonl:2: this is not a line such as"),
        ('{"query_id": "q0"}', "has a line already"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "file.jsonl"
    path.write_text(json.dumps({"query_id": "q0"}) + "\n" + line + "\n")

    with pytest.raises(InvalidInputError, match=message):
        read_candidates(path)


def test_conversations_are_read_newest_turn_first(folder: Path) -> None:
    write_lines(
        folder / "queries.jsonl",
        [
            {
                "_id": "q0",
                "turns": [
                    {"role": "user", "text": "one"},
                    {"role": "assistant", "text": "two"},
                    {"role": "user", "text": "three"},
                ],
            }
        ],
    )
    run = write_run(folder / "run.trec", {"q0": [("d5", 1)]})

    data = loaded(folder, negatives=(run,))

    assert data.examples[0].query == "three [SEP] two [SEP] one"
