import gzip
from pathlib import Path

import pytest

from lsr.errors import InvalidInputError
from lsr.eval.qrels import Qrel, read_qrels


def test_reads_beir_columns_under_their_header(tmp_path: Path) -> None:
    path = tmp_path / "test.tsv"
    path.write_text("query-id\tcorpus-id\tscore\nq1\td1\t2\r\n\nq1\td2\t0\n")

    assert read_qrels(path) == [Qrel("q1", "d1", 2), Qrel("q1", "d2", 0)]


def test_reads_trec_columns_between_any_white_space(tmp_path: Path) -> None:
    path = tmp_path / "qrels.txt"
    path.write_text("q1 0 d1 -2\nq1\t0\td2   3\n")

    assert read_qrels(path) == [Qrel("q1", "d1", -2), Qrel("q1", "d2", 3)]


def test_whole_numbers_may_be_written_with_decimals(tmp_path: Path) -> None:
    path = tmp_path / "qrels.txt"
    path.write_text("q1 0 d1 1.0\nq1 0 d2 -2.0\n")

    assert read_qrels(path) == [Qrel("q1", "d1", 1), Qrel("q1", "d2", -2)]


def test_decompresses_by_name(tmp_path: Path) -> None:
    path = tmp_path / "qrels.txt.gz"
    path.write_bytes(gzip.compress(b"q1 0 d1 1\n"))

    assert read_qrels(str(path)) == [Qrel("q1", "d1", 1)]


def test_a_repeated_judgment_counts_once(tmp_path: Path) -> None:
    path = tmp_path / "qrels.txt"
    path.write_text("q1 0 d1 1\nq1 0 d1 1\n")

    assert len(read_qrels(path)) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"q1 0 d1 1\nq1 d2 1\n", r"qrels:2: found 3 columns; expected TREC's four"),
        (b"query-id\tcorpus-id\tscore\nq1 0 d1 1\n", r"qrels:2: found 1 columns; .*tabs"),
        (b"q1 0 d1 yes\n", r"qrels:1: the relevance is 'yes'"),
        (b"q1 0 d1 0.5\n", r"qrels:1: the relevance is '0.5', .* whole number. trec_eval"),
        (b"q1 0 d1 inf\n", r"qrels:1: the relevance is 'inf'"),
        (b"query-id\tcorpus-id\tscore\nq 1\td1\t2\n", r"qrels:2: the id 'q 1' holds white space"),
        (b"q1 0 d1 1\nq1 0 d1 2\n", r"qrels:2: document 'd1' is judged 2 .* but 1"),
        (b"q1 0 d1 1\nq\xff 0 d1 1\n", r"qrels:2: the line is not UTF-8"),
        (b"query-id\tcorpus-id\tscore\n", r"holds no judgments"),
        (b"", r"holds no judgments"),
    ],
)
def test_refuses_what_it_cannot_read(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "qrels"
    path.write_bytes(content)

    with pytest.raises(InvalidInputError, match=message):
        read_qrels(path)


def test_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"absent\.txt cannot be read"):
        read_qrels(tmp_path / "absent.txt")


def test_says_that_gzip_data_are_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "qrels.gz"
    path.write_bytes(gzip.compress(b"".join(b"q%d 0 d1 1\n" % n for n in range(999)))[:-9])

    with pytest.raises(InvalidInputError, match="gzip data are damaged or cut short"):
        read_qrels(path)
