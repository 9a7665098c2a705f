"""Folders of embeddings, as lsr-benchmark and SciPy read them."""

import json
from pathlib import Path

import numpy as np
import scipy.sparse

from interchange import QUERIES, TERMS, found_ranks, stored_values
from lsr.corpus import read_documents
from lsr.documents import Document, DocumentBatch
from lsr.interchange import document_files, export_index
from lsr.retrieval import Index
from lsr.sparse import SparseBatch


def embeddings(folder: Path, kind: str) -> dict[str, dict[str, float]]:
    """Read a folder as lsr-benchmark does: ids by line, terms as texts, rows between pointers."""
    names = json.loads((folder / "terms.json").read_text())
    arrays = np.load(folder / kind / f"{kind}-embeddings.npz")
    ids = (folder / kind / f"{kind}-ids.txt").read_text().strip().split("\n")
    terms = arrays["indices"].astype("U30")
    found, begin = {}, 0
    for doc_id, end in zip(ids, arrays["indptr"][1:], strict=True):
        pairs = zip(terms[begin:end].tolist(), arrays["data"][begin:end].tolist(), strict=True)
        found[doc_id], begin = {names[int(term)]: value for term, value in pairs}, end
    return found


def test_rows_are_documents_and_columns_terms(index: Index, tmp_path: Path) -> None:
    export_index(index, "lsr-benchmark", tmp_path / "out")

    found = embeddings(tmp_path / "out", "doc")

    assert found == stored_values(index.searcher)


def test_scipy_reads_the_matrices(index: Index, tmp_path: Path, queries: Path) -> None:
    export_index(index, "lsr-benchmark", tmp_path / "out", queries=queries)

    documents = scipy.sparse.load_npz(tmp_path / "out" / "doc" / "doc-embeddings.npz")
    asked = scipy.sparse.load_npz(tmp_path / "out" / "query" / "query-embeddings.npz")

    assert documents.shape == (36, len(TERMS))
    assert (documents.dtype, documents.indices.dtype) == (np.float32, np.int32)
    expected = np.zeros((2, len(TERMS)), dtype=np.float32)
    names = index.searcher.vocabulary.names
    expected[0, [names.index("cat"), names.index("zoo")]] = 2, 1
    expected[1, [names.index("cat"), names.index("##x")]] = 1.004, 0.25
    np.testing.assert_array_equal(asked.toarray(), expected)
    assert (tmp_path / "out" / "query" / "query-ids.txt").read_text() == "q1\nq2\n"


def test_it_comes_back_with_equal_ranks(index: Index, tmp_path: Path) -> None:
    export_index(index, "lsr-benchmark", tmp_path / "out")
    (file,) = document_files("lsr-benchmark", tmp_path / "out")
    back = Index.create(tmp_path / "back")
    with back.writer() as writer:
        for batch in read_documents(file):
            writer.add(batch)
        writer.commit()

    names = list(index.searcher.vocabulary.names)
    for query in QUERIES:
        known = {str(names.index(term)): query[term] for term in query if term in names}
        if known:
            hits = back.search(known, k=100)
            assert [hit.doc_id for hit in hits] == found_ranks(index, query)


def test_float_weights_come_back_to_the_bit(float_index: Index, tmp_path: Path) -> None:
    export_index(float_index, "lsr-benchmark", tmp_path / "out")

    found = embeddings(tmp_path / "out", "doc")

    assert found == stored_values(float_index.searcher)


def test_a_matrix_keeps_the_columns_that_no_document_uses(tmp_path: Path) -> None:
    index = Index.create(tmp_path / "idx")
    with index.writer() as writer:
        writer.add(DocumentBatch([Document("a")], SparseBatch.from_rows([[(3, 1.0)]], 9)))
        writer.commit()

    export_index(index, "lsr-benchmark", tmp_path / "out")

    file = tmp_path / "out" / "doc" / "doc-embeddings.npz"
    assert scipy.sparse.load_npz(file).shape == (1, 9)
