"""CIFF comes back as it left; a reader written by others reads it too."""

import json
import subprocess
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from ciff_file import varint
from interchange import QUERIES, found_ranks, ranks, stored_values
from lsr.corpus import read_documents
from lsr.errors import InvalidInputError
from lsr.interchange import export_index
from lsr.retrieval import Index


def imported(file: Path, path: Path) -> Index:
    back = Index.create(path)
    with back.writer() as writer:
        for batch in read_documents(file):
            writer.add(batch)
        writer.commit()
    return back


def test_it_comes_back_with_equal_values_and_ranks(index: Index, tmp_path: Path) -> None:
    export_index(index, "ciff", tmp_path / "out")

    back = imported(tmp_path / "out" / "index.ciff", tmp_path / "back")

    stored = stored_values(index.searcher)
    assert stored_values(back.searcher) == stored
    assert list(stored_values(back.searcher)) == list(stored)
    for query in QUERIES:
        assert found_ranks(back, query) == found_ranks(index, query) == ranks(stored, query)


def test_rounded_weights_come_back_as_whole_numbers(float_index: Index, tmp_path: Path) -> None:
    export_index(float_index, "ciff", tmp_path / "out", scale=40)

    back = imported(tmp_path / "out" / "index.ciff", tmp_path / "back")

    assert stored_values(back.searcher) == {
        doc_id: {term: round(weight * 40) for term, weight in row.items()}
        for doc_id, row in stored_values(float_index.searcher).items()
    }


def test_bytes_are_those_of_the_definition(tmp_path: Path) -> None:
    documents = [("a", {"t": 2.0, "u": 200.0}), ("b", {"u": 1.0}), ("c", {})]
    index = Index.build(tmp_path / "idx", documents)
    export_index(index, "ciff", tmp_path / "out")

    content = (tmp_path / "out" / "index.ciff").read_bytes()

    about = b"lsr-engine: impacts; weight = frequency * 1.0"
    header = b"\x08\x01\x10\x02\x18\x03\x20\x02\x28\x03\x30" + varint(203)
    header += b"\x39" + bytes.fromhex("abaaaaaaaaea5040")  # the double 203 / 3
    header += b"\x42" + varint(len(about)) + about
    t = b"\x0a\x01t\x10\x01\x18\x02" + b"\x22\x04\x08\0\x10\x02"
    u = b"\x0a\x01u\x10\x02\x18" + varint(201)
    u += b"\x22\x05\x08\0\x10" + varint(200) + b"\x22\x04\x08\x01\x10\x01"
    docs = [
        b"\x08\0\x12\x01a\x18" + varint(202),
        b"\x08\x01\x12\x01b\x18\x01",
        b"\x08\x02\x12\x01c\x18\0",
    ]
    assert content == b"".join(varint(len(one)) + one for one in [header, t, u, *docs])


def test_a_document_too_long_for_31_bits_is_refused(tmp_path: Path) -> None:
    documents = [("a", {str(number): 2.0**30 for number in range(3)})]
    index = Index.build(tmp_path / "idx", documents, weights="float32")

    with pytest.raises(InvalidInputError, match="add up to more than 2,147,483,647"):
        export_index(index, "ciff", tmp_path / "out", scale=1)


READ = """
import json, sys
from ciff_toolkit.read import CiffReader
with CiffReader(sys.argv[1]) as reader:
    head = reader.read_header()
    vectors, lists = {}, []
    for one in reader.read_postings_lists():
        number = 0
        lists.append(one.term)
        assert one.df == len(one.postings) and one.cf == sum(p.tf for p in one.postings)
        for posting in one.postings:
            number += posting.docid
            vectors.setdefault(number, {})[one.term] = posting.tf
    ids = {one.docid: (one.collection_docid, one.doclength) for one in reader.read_documents()}
print(json.dumps([[head.num_postings_lists, head.num_docs, head.total_terms_in_collection,
                   head.average_doclength, head.description], lists, vectors, ids]))
"""


@pytest.mark.slow
def test_ciff_toolkit_reads_the_same(
    index: Index, tmp_path: Path, evidence: Callable[[str], None]
) -> None:
    """It needs an old protobuf, so it gets an environment of its own."""
    export_index(index, "ciff", tmp_path / "out")
    venv.create(tmp_path / "env", with_pip=True, symlinks=True)
    python = tmp_path / "env" / "bin" / "python"
    installed = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "ciff-toolkit==0.2.2"],
        capture_output=True,
        text=True,
        check=False,
    )
    if installed.returncode:
        pytest.skip(f"ciff-toolkit cannot be installed: {installed.stderr.strip()[-200:]}")

    done = subprocess.run(
        [python, "-c", READ, tmp_path / "out" / "index.ciff"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    header, lists, vectors, ids = json.loads(done.stdout)

    stored = stored_values(index.searcher)
    assert {ids[number][0]: dict(row.items()) for number, row in vectors.items()} == {
        doc_id: row for doc_id, row in stored.items() if row
    }
    assert [ids[str(number)] for number in range(len(stored))] == [
        [doc_id, sum(row.values())] for doc_id, row in stored.items()
    ]
    total = sum(sum(row.values()) for row in stored.values())
    assert lists == sorted({term for row in stored.values() for term in row})
    assert header[:4] == [len(lists), len(stored), total, total / len(stored)]
    assert header[4].startswith("lsr-engine: impacts; weight = frequency * 0.0117647")
    evidence(f"ciff-toolkit reads {len(stored)} documents of a CIFF export as they are")
