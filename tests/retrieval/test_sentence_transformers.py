"""Vectors that sentence-transformers has in memory are indexed and searched as they are."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsr.documents import Document, DocumentBatch
from lsr.retrieval import Index
from lsr.sparse import SparseBatch
from sparse_encoders import TEXTS, splade_modules
from tiny_models import save_tiny_model

OPTIONS = {"show_progress_bar": False}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    library = pytest.importorskip("sentence_transformers")
    folder = save_tiny_model(tmp_path_factory.mktemp("model") / "tiny")
    return library.SparseEncoder(modules=list(splade_modules(folder)), device="cpu")


def indexed(path: Path, vectors: SparseBatch, model: Any) -> Index:
    terms = model.tokenizer.convert_ids_to_tokens(range(vectors.n_terms))
    index = Index.create(path, terms=terms, weights="float32")
    with index.writer() as writer:
        documents = [Document(f"d{number}") for number in range(len(vectors))]
        writer.add(DocumentBatch(documents, vectors))
        writer.commit()
    return index


# torch says at the first CSR tensor of a process that their support is in beta.
@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support:UserWarning")
def test_sparse_tensors_rank_as_the_library_scores_them(model: Any, tmp_path: Path) -> None:
    encoded = model.encode_document(TEXTS, **OPTIONS)
    asked = model.encode_query(TEXTS, **OPTIONS)
    assert encoded.is_sparse
    index = indexed(tmp_path / "idx", SparseBatch.from_matrix(encoded), model)

    expected = np.asarray(model.similarity(asked, encoded).to_dense())
    for number, scores in enumerate(expected):
        hits = index.search(asked[number])
        found = {hit.doc_id: hit.score for hit in hits}
        # float32 sums in another order.
        np.testing.assert_allclose(
            [found.get(f"d{doc}", 0.0) for doc in range(len(TEXTS))], scores, rtol=1e-5, atol=1e-6
        )


def test_a_single_query_is_a_row_of_one_dimension(model: Any, tmp_path: Path) -> None:
    vectors = SparseBatch.from_matrix(model.encode_document(TEXTS, **OPTIONS))
    index = indexed(tmp_path / "idx", vectors, model)
    query = model.encode_query(TEXTS[0], **OPTIONS)

    assert query.dim() == 1
    (term, weight), *_ = model.decode(query, top_k=1)
    explained = {one.term: one.query_weight for one in index.explain(query, "d0").terms}
    assert explained[term] == pytest.approx(weight)


def test_arrays_and_matrices_give_the_same_index(model: Any, tmp_path: Path) -> None:
    tensor = SparseBatch.from_matrix(model.encode_document(TEXTS, **OPTIONS))
    dense = model.encode_document(TEXTS, convert_to_sparse_tensor=False, **OPTIONS)

    array = SparseBatch.from_matrix(np.asarray(dense))

    np.testing.assert_array_equal(array.terms, tensor.terms)
    np.testing.assert_array_equal(array.weights, tensor.weights)
