"""What a commit holds, by document and by term."""

from pathlib import Path

import numpy as np
import pytest

from interchange import TERMS, make_index, stored_values
from lsr.documents import Document, DocumentBatch
from lsr.errors import CorruptIndexError
from lsr.index import posting_lists, stored_ranges
from lsr.kernels.postings import RANGE_SIZE
from lsr.retrieval import Index
from lsr.sparse import SparseBatch


@pytest.fixture(scope="module", params=["uint8", "float32"])
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Index:
    return make_index(tmp_path_factory.mktemp("contents") / "idx", weights=request.param)


def test_ranges_hold_the_rows_of_all_documents_that_are_not_deleted(index: Index) -> None:
    names, found, texts = index.searcher.vocabulary.names, {}, []
    for one in stored_ranges(index.searcher):
        indptr, terms, values = one.rows
        assert indptr.size == len(one.doc_ids) + 1
        for row, doc_id in enumerate(one.doc_ids):
            span = slice(indptr[row], indptr[row + 1])
            assert (np.diff(terms[span].astype(int)) > 0).all()
            pairs = zip(terms[span].tolist(), values[span].tolist(), strict=True)
            found[doc_id] = {names[term]: value for term, value in pairs}
        texts += [document.text for document in one.documents()]

    assert list(found.items()) == list(stored_values(index.searcher).items())
    assert "d3" not in found
    assert texts == [f"text {doc_id[1:]} \u2028 \N{SNOWMAN}" for doc_id in found]


def test_posting_lists_are_the_rows_by_term_in_the_order_asked_for(index: Index) -> None:
    names = index.searcher.vocabulary.names
    stored = list(stored_values(index.searcher).values())
    order = np.random.default_rng(1).permutation(len(names)).tolist()

    lists = list(posting_lists(index.searcher, order))

    assert [one.term for one in lists] == order
    assert set(names) == set(TERMS)
    for one in lists:
        expected = [
            (number, row[names[one.term]])
            for number, row in enumerate(stored)
            if names[one.term] in row
        ]
        found = list(zip(one.doc_numbers.tolist(), one.values.tolist(), strict=True))
        assert found == expected


def test_ranges_and_bitmaps_are_crossed(tmp_path: Path) -> None:
    n_docs = RANGE_SIZE + 100
    numbers = np.arange(n_docs)
    # Term 0 in every document, term 1 in few.
    is_few = numbers % 1000 == 0
    indptr = np.append(0, np.cumsum(1 + is_few))
    terms = np.zeros(indptr[-1], dtype=np.int64)
    terms[indptr[1:][is_few] - 1] = 1
    weights = np.repeat(1.0 + numbers % 250, 1 + is_few)
    batch = SparseBatch.from_arrays(indptr, terms, weights, 2)
    index = Index.create(tmp_path / "idx", max_weight=255)
    with index.writer() as writer:
        writer.add(DocumentBatch([Document(str(number)) for number in numbers.tolist()], batch))
        writer.commit()
        writer.delete("0")
        writer.delete(str(RANGE_SIZE))
        writer.commit()
    kept = np.flatnonzero((numbers != 0) & (numbers != RANGE_SIZE))

    all_documents, few = posting_lists(index.searcher, [0, 1])
    ranges = list(stored_ranges(index.searcher))

    np.testing.assert_array_equal(all_documents.doc_numbers, np.arange(n_docs - 2))
    np.testing.assert_array_equal(all_documents.values, 1 + kept % 250)
    np.testing.assert_array_equal(kept[few.doc_numbers], kept[kept % 1000 == 0])
    assert [len(one.doc_ids) for one in ranges] == [RANGE_SIZE - 1, 99]
    assert ranges[1].doc_ids[0] == str(RANGE_SIZE + 1)


def test_an_index_without_documents_has_contents_all_the_same(tmp_path: Path) -> None:
    index = Index.create(tmp_path / "idx", terms=["a", "b"], encoder_settings={"model": "m"})
    with index.writer() as writer:
        writer.commit()

    assert [one.doc_numbers.size for one in posting_lists(index.searcher, [1, 0])] == [0, 0]
    assert list(stored_ranges(index.searcher)) == []


def test_damaged_postings_are_not_handed_on(tmp_path: Path) -> None:
    path = make_index(tmp_path / "idx", n_docs=6).path
    (file,) = sorted((path / "segments").glob("*.doc_offsets.arrays"))[:1]
    content = bytearray(file.read_bytes())
    content[64] ^= 1  # behind the header
    file.write_bytes(content)
    searcher = Index.open(path).searcher

    with pytest.raises(CorruptIndexError, match="damaged"):
        list(stored_ranges(searcher))
    with pytest.raises(CorruptIndexError, match="damaged"):
        list(posting_lists(searcher, range(searcher.vocabulary.n_terms)))
