"""What a tool cannot hold is named, and statistics are those of what is left."""

from pathlib import Path

import numpy as np
import pytest

from interchange import stored_values
from lsr.errors import InvalidInputError
from lsr.interchange.source import Source
from lsr.interchange.values import Holds, ValueCode
from lsr.retrieval import Index


def source(index: Index, holds: Holds = Holds.FLOATS, scale: float | None = None) -> Source:
    code = ValueCode.of(index.searcher.manifest, "Tool", holds, scale)
    bad = {"zoo": "it is a zoo"}
    return Source(index.searcher, code, "Tool", holds, bad.get, lambda n_docs: None)


def test_statistics_leave_deleted_documents_out(index: Index) -> None:
    stored = stored_values(index.searcher)
    subject = source(index)
    subject._term_problem = lambda name: None

    statistics = subject.statistics()

    assert statistics.doc_lengths.tolist() == [sum(row.values()) for row in stored.values()]
    assert statistics.n_terms.tolist() == [len(row) for row in stored.values()]
    assert statistics.list_sizes.tolist() == [
        sum(name in row for row in stored.values()) for name in subject.names
    ]
    assert subject.n_postings == sum(map(len, stored.values()))
    assert list(subject.doc_ids()) == list(stored)


def test_lists_come_by_the_names_of_their_terms(index: Index) -> None:
    subject = source(index)

    found = [name for name, _ in subject.posting_lists(np.ones(len(subject.names), np.int64))]

    assert found == sorted(subject.names)
    assert found == sorted(subject.names, key=str.encode)  # as bytes, too


def test_a_term_is_refused_with_the_first_document_that_has_it(index: Index) -> None:
    stored = stored_values(index.searcher)
    first = next(doc_id for doc_id, row in stored.items() if "zoo" in row)

    with pytest.raises(InvalidInputError) as refusal:
        list(source(index).documents())

    assert str(refusal.value) == (
        f"The document {first!r} has the term 'zoo', which Tool cannot hold: it is a zoo."
    )


@pytest.mark.parametrize(
    ("holds", "scale", "remedy"),
    [
        (Holds.NINE_BITS, None, "round all weights, as with --scale 100"),
        (Holds.NINE_BITS, 9999.0, "choose a smaller --scale"),
        (Holds.INTEGERS, 1e12, "choose a smaller --scale"),
        (Holds.FLOATS, 1e12 + 1e5, "leave --scale out"),
    ],
)
def test_a_weight_is_refused_with_its_document_and_term(
    float_index: Index, holds: Holds, scale: float | None, remedy: str
) -> None:
    subject = source(float_index, holds, scale)
    subject._term_problem = lambda name: None

    with pytest.raises(InvalidInputError) as refusal:
        list(subject.documents())

    assert str(refusal.value).startswith("The document 'd")
    assert f"but Tool holds {holds.value}; {remedy}" in str(refusal.value)


def test_terms_without_names_go_by_their_numbers(tmp_path: Path) -> None:
    from lsr.documents import Document, DocumentBatch
    from lsr.sparse import SparseBatch

    index = Index.create(tmp_path / "idx")
    with index.writer() as writer:
        vectors = SparseBatch.from_rows([[(2, 1.0), (7, 3.0)]], 9)
        writer.add(DocumentBatch([Document("a")], vectors))
        writer.commit()

    assert source(index).names == [str(number) for number in range(9)]
