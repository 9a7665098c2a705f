"""Files of the Common Index File Format become documents again."""

import gzip
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lsr.corpus.ciff
from ciff_file import Postings, bytes_field, ciff, document, header, message, posting_list
from corpora import Skim, Write
from lsr.corpus import corpus_size, read_documents
from lsr.errors import InvalidInputError

LISTS: dict[str, Postings] = {
    "cat": [(0, 3), (2, 300)],
    "##x": [(2, 1)],
    "é": [(0, 7), (1, 1), (2, 70_000)],
}
IDS = {0: "a", 1: "b", 2: "c", 3: "empty"}
VECTORS = {
    "a": {"cat": 3.0, "é": 7.0},
    "b": {"é": 1.0},
    "c": {"cat": 300.0, "##x": 1.0, "é": 70_000.0},
    "empty": {},
}


def vectors(path: str) -> dict[str, dict[str, float]]:
    found = {}
    for batch in read_documents(path):
        assert batch.vectors is not None
        assert batch.vocabulary is not None
        for one, (terms, weights) in zip(batch.documents, batch.vectors.rows(), strict=True):
            pairs = zip(terms.tolist(), weights.tolist(), strict=True)
            found[one.doc_id] = {batch.vocabulary[term]: weight for term, weight in pairs}
    return found


@pytest.mark.parametrize("name", ["i.ciff", "i.CIFF", "i.ciff.gz"])
def test_documents_come_back_with_frequencies_as_weights(write: Write, name: str) -> None:
    content = ciff(LISTS, IDS)
    path = write(name, gzip.compress(content) if name.endswith("gz") else content)

    assert vectors(path) == VECTORS
    assert list(vectors(path)) == list(VECTORS)
    assert corpus_size(path) == 4


@pytest.mark.parametrize("run_postings", [1, 2, 5])
def test_postings_of_many_runs_and_ranges_are_put_together(
    write: Write, monkeypatch: pytest.MonkeyPatch, run_postings: int
) -> None:
    monkeypatch.setattr(lsr.corpus.ciff, "RUN_POSTINGS", run_postings)
    lists: dict[str, Postings] = {
        "x": [(5, 1), (70_000, 2), (70_001, 3)],
        "y": [(70_000, 4), (2_000_000_000, 5)],
        "z": [(5, 6), (70_001, 7)],
    }
    ids = {1: "first", 5: "a", 70_000: "b", 70_001: "c", 2_000_000_000: "d"}

    assert vectors(write("i.ciff", ciff(lists, ids))) == {
        "first": {},
        "a": {"x": 1.0, "z": 6.0},
        "b": {"x": 2.0, "y": 4.0},
        "c": {"x": 3.0, "z": 7.0},
        "d": {"y": 5.0},
    }


def test_a_range_is_handed_out_in_batches(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lsr.corpus.ciff, "MAX_BATCH_DOCUMENTS", 2)
    path = write("i.ciff", ciff(LISTS, IDS))

    assert [len(batch.documents) for batch in read_documents(path)] == [2, 2]
    assert vectors(path) == VECTORS


def test_a_zero_gap_may_be_written_or_left_out(write: Write) -> None:
    written = message(
        bytes_field(1, b"t") + b"\x10\x01\x18\x02" + bytes_field(4, b"\x08\0\x10\x02")
    )
    path = write("i.ciff", header(1, 1) + written + document(0, "a"))

    assert vectors(path) == {"a": {"t": 2.0}}


def test_a_bad_id_can_be_skipped(write: Write, skim: Skim) -> None:
    ids = {0: "a", 1: "two words", 2: "c", 3: "d"}
    path = write("i.ciff", ciff(LISTS, ids))

    documents, errors = skim(path)

    assert [one.doc_id for one in documents] == ["a", "c", "d"]
    assert len(errors) == 1
    assert errors[0].startswith(f"{path}: document 1: the id 'two words' holds white space")
    kept: dict[str, list[float]] = {}
    for batch in read_documents(path, skip_bad=lambda error: None):
        assert batch.vectors is not None
        rows = [weights.tolist() for _, weights in batch.vectors.rows()]
        kept |= zip([one.doc_id for one in batch.documents], rows, strict=True)
    assert kept == {"a": [3.0, 7.0], "c": [300.0, 1.0, 70_000.0], "d": []}


ONE = posting_list("t", [(0, 2)])
DAMAGE = {
    "the header gives version 2": header(1, 1, version=2) + ONE + document(0, "a"),
    "the header gives version 0": message(b""),
    "the header cannot be read": b"\x03\x08",
    "field 1 is of kind 5": message(b"\x0d\0\0\0\0"),
    "posting list 1 of 1 cannot be read: the file ends": header(1, 1),
    "has 1 postings where 3 are announced": header(1, 1) + posting_list("t", [(0, 2)], df=3),
    "the term 't' has a list already": header(2, 1) + ONE + ONE + document(0, "a"),
    "no gaps and frequencies": header(1, 1) + posting_list("t", [(0, 1), (0, 2)]),
    "postings of 't' are no gaps": header(1, 1) + posting_list("t", [(1, 0)]),
    "number outside 31 bits": header(1, 1) + posting_list("t", [(2**31, 1)]),
    "is not from 1 to": header(1, 1) + posting_list("t", [(1, 2**31)]),
    "document 7 has postings but no record": header(1, 1)
    + posting_list("t", [(7, 1)])
    + document(0, "a"),
    "documents from number 65,536 on have postings": header(1, 1)
    + posting_list("t", [(70_000, 1)])
    + document(0, "a"),
    "number 0 follows 0, but numbers must rise": header(1, 2)
    + ONE
    + document(0, "a")
    + document(0, "b"),
    "document 1 of 1 cannot be read: the file ends": header(1, 1) + ONE,
    "the id b'\\xff' is not valid UTF-8": header(1, 1) + ONE + document(0, b"\xff"),
    "more follows the 1 documents": header(1, 1) + ONE + document(0, "a") + b"\0",
    "holds no documents": header(0, 0),
}


@pytest.mark.parametrize("problem", DAMAGE)
def test_what_is_wrong_is_said(write: Write, problem: str) -> None:
    path = write("i.ciff", DAMAGE[problem])

    with pytest.raises(InvalidInputError) as refusal:
        vectors(path)

    assert problem in str(refusal.value)
    assert str(refusal.value).startswith(path)


def test_a_file_cut_short_anywhere_is_refused(write: Write) -> None:
    content = ciff(LISTS, IDS)
    for size in range(1, len(content)):
        path = write("i.ciff", content[:size])
        with pytest.raises(InvalidInputError, match=r"i\.ciff"):
            vectors(path)


EDITS = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(edits=EDITS)
def test_damaged_bytes_raise_nothing_else(edits: list[tuple[int, int]]) -> None:
    content = bytearray(ciff(LISTS, IDS))
    for place, byte in edits:
        content[place % len(content)] = byte
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "i.ciff"
        path.write_bytes(content)
        with suppress(InvalidInputError):
            vectors(str(path))
