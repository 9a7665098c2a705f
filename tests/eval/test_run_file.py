import errno
import gzip
import logging
import os
from pathlib import Path

import ir_measures
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsr.errors import DiskFullError, InvalidInputError
from lsr.eval.run_file import falling_scores, read_run, write_run

# Few distinct values, so that ties are common, and neighbours that only float64 tells apart.
_SCORES = st.lists(
    st.sampled_from([-1.5, -1e-45, -0.0, 0.0, 1e-45, 0.1, 1.0, 1.0 + 1e-12, 3.0, 1e30, 3e38])
    | st.floats(-1e6, 1e6),
    max_size=30,
).map(lambda scores: sorted(scores, reverse=True))


def _falling_one_by_one(scores: list[float]) -> list[np.float32]:
    fallen: list[np.float32] = []
    for score in scores:
        narrow = np.float32(score)
        if fallen and narrow >= fallen[-1]:
            narrow = np.nextafter(fallen[-1], np.float32(-np.inf))
        fallen.append(narrow)
    return fallen


@given(_SCORES)
def test_scores_fall_by_single_steps_where_they_tied(scores: list[float]) -> None:
    assert falling_scores(scores).tolist() == _falling_one_by_one(scores)


@given(_SCORES)
def test_scores_that_fall_already_stay(scores: list[float]) -> None:
    fallen = falling_scores(scores)

    assert falling_scores(fallen).tolist() == fallen.tolist()


@pytest.mark.parametrize("scores", [[1.0, 2.0], [float("nan")], [float("inf")], [1e39]])
def test_refuses_scores_that_a_run_cannot_carry(scores: list[float]) -> None:
    with pytest.raises(InvalidInputError):
        falling_scores(scores)


@given(scores=_SCORES.filter(len), data=st.data())
def test_every_reader_keeps_our_order(
    scores: list[float], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """pytrec_eval finds each document at our rank: with it alone relevant, RR is 1 / rank."""
    doc_ids = data.draw(st.permutations([f"d{number}" for number in range(len(scores))]))
    path = tmp_path_factory.mktemp("runs") / "run.trec"
    hits = list(zip(doc_ids, scores, strict=True))

    write_run(path, dict.fromkeys(doc_ids, hits))

    read = list(ir_measures.read_trec_run(str(path)))
    first = [row for row in read if row.query_id == doc_ids[0]]
    assert [row.doc_id for row in sorted(first, key=lambda row: -np.float32(row.score))] == doc_ids
    qrels = [ir_measures.Qrel(doc_id, doc_id, 1) for doc_id in doc_ids]
    ranks = {
        metric.query_id: 1 / metric.value
        for metric in ir_measures.iter_calc([ir_measures.RR], qrels, read)
    }
    assert [round(ranks[doc_id]) for doc_id in doc_ids] == list(range(1, len(scores) + 1))
    again = read_run(path)
    assert [doc_id for doc_id, _ in again[doc_ids[0]]] == doc_ids
    assert [score for _, score in again[doc_ids[0]]] == falling_scores(scores).tolist()


def test_writes_six_columns_with_the_shortest_scores(tmp_path: Path) -> None:
    path = tmp_path / "run.trec"

    write_run(path, {"q1": [("d2", 0.1), ("d1", 0.1)], "q2": [], "q3": [("d9", 7.0)]}, tag="x")

    assert path.read_text() == ("q1 Q0 d2 1 0.1 x\nq1 Q0 d1 2 0.099999994 x\nq3 Q0 d9 1 7.0 x\n")


def test_gzips_by_name_and_equal_runs_are_equal_files(tmp_path: Path) -> None:
    paths = [tmp_path / "a.trec.gz", tmp_path / "b.trec.gz"]

    for path in paths:
        write_run(path, {"q1": [("d1", 2.0)]})

    assert gzip.decompress(paths[0].read_bytes()) == b"q1 Q0 d1 1 2.0 lsr\n"
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize(
    ("query_id", "doc_id", "tag"),
    [
        ("q 1", "d", "t"),
        ("q", "a\tb", "t"),
        ("q", "", "t"),
        ("q", "d", "my run"),
        ("q", "d\n", "t"),
    ],
)
def test_refuses_white_space_and_leaves_the_old_run(
    tmp_path: Path, query_id: str, doc_id: str, tag: str
) -> None:
    path = tmp_path / "run.trec"
    path.write_text("old")

    with pytest.raises(InvalidInputError, match="white space"):
        write_run(path, {"q0": [("d0", 2.0)], query_id: [(doc_id, 1.0)]}, tag)

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_named_and_leaves_the_old_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "run.trec"
    path.write_text("old")
    monkeypatch.setattr("os.fsync", no_space)

    with pytest.raises(DiskFullError, match=r"run.trec could not be written; [\d,]+ bytes"):
        write_run(path, {"q": [("d", 1.0)]})

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_refuses_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="could not be written: No such file"):
        write_run(tmp_path / "absent" / "run.trec", {})


def test_never_replaces_what_is_no_regular_file(tmp_path: Path) -> None:
    """A named pipe stands for /dev/null, which a failing test would take from the machine."""
    path = tmp_path / "pipe"
    os.mkfifo(path)

    with pytest.raises(InvalidInputError, match="not a regular file"):
        write_run(path, {})

    assert path.is_fifo()


def test_rows_out_of_order_are_ranked_by_score_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "run.trec"
    path.write_text("q1 Q0 a 1 1.0 x\nq1 Q0 b 2 3.0 x\nq2 Q0 a 1 2 x\nq1 Q0 c 3 2.0 x\n")

    with caplog.at_level(logging.WARNING):
        run = read_run(path)

    assert run == {"q1": [("b", 3.0), ("c", 2.0), ("a", 1.0)], "q2": [("a", 2.0)]}
    assert "scores of 1 queries rise" in caplog.text


@pytest.mark.parametrize("name", ["run.tsv", "run.tsv.gz"])
def test_a_run_named_tsv_is_one_of_ms_marco(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_run(path, {"q1": [("b", 9.5), ("a", 9.5)], "q2": [("c", -1.0)]})

    content = path.read_bytes()
    content = gzip.decompress(content) if name.endswith("gz") else content
    assert content == b"q1\tb\t1\nq1\ta\t2\nq2\tc\t1\n"
    assert read_run(path) == {"q1": [("b", 1.0), ("a", 0.5)], "q2": [("c", 1.0)]}


def test_rows_of_ms_marco_are_ordered_by_rank(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "run.tsv"
    path.write_text("q1\tb\t3\nq1\ta\t1\nq1\tc\t2\n")

    with caplog.at_level(logging.WARNING):
        run = read_run(path)

    assert [doc_id for doc_id, _ in run["q1"]] == ["a", "c", "b"]
    assert "scores of 1 queries rise" in caplog.text


def test_ties_of_other_tools_are_ordered_as_trec_eval_orders_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "run.trec"
    path.write_text("q1 Q0 a 1 1.0 x\nq1 Q0 c 2 1.0 x\nq1 Q0 b 3 1.0 x\nq2 Q0 a 1 1 x\n")

    with caplog.at_level(logging.WARNING):
        run = read_run(path)

    assert [doc_id for doc_id, _ in run["q1"]] == ["c", "b", "a"]
    assert "scores of 1 queries tie" in caplog.text


def test_a_file_in_the_order_of_trec_eval_is_read_in_silence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "run.trec"
    path.write_text("q1 Q0 c 7 1.0 x\nq1 Q0 a 7 1.0 x\nq1 Q0 b 3 0.5 x\n")

    with caplog.at_level(logging.WARNING):
        read_run(path)

    assert not caplog.text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("q1 Q0 d1 1 1.0\n", "run:1: found 5 columns"),
        ("q1 Q0 d1 1 1.0 x\nq1 Q0 d 2 2 0.5 x\n", "run:2: found 7 columns"),
        ("q1 Q0 d1 1 best x\n", "run:1: the score is 'best'"),
        ("q1 Q0 d1 1 nan x\n", "run:1: the score is 'nan'"),
        ("q1 Q0 d1 1 inf x\n", "run:1: the score is 'inf'"),
        ("q1 Q0 d1 1 1e39 x\n", "run:1: the score is '1e39'"),
        ("q1 Q0 d1 1 2 x\nq2 Q0 d1 1 2 x\nq1 Q0 d1 2 1 x\n", "run:3: document 'd1' occurs twice"),
        ("q1\td1\t1\nq1\td 2\t2\n", "run:2: found 4 columns; expected the three of an MS MARCO"),
        ("q1\td1\t0\n", "run:1: the rank is '0'"),
        ("q1\td1\t1.5\n", "run:1: the rank is '1.5'"),
        ("q1\td1\t1\nq1\td2\t1\n", "two documents of query 'q1' have the same rank"),
        ("\n", "holds no hits"),
    ],
)
def test_refuses_lines_that_are_no_hits(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "run"
    path.write_text(content)

    with pytest.raises(InvalidInputError, match=message):
        read_run(path)
