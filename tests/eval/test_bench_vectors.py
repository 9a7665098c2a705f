from pathlib import Path

import numpy as np
import pytest

from lsr.errors import InvalidInputError
from lsr.eval.bench import vectors as subject
from lsr.eval.bench.vectors import as_impacts, as_integer_queries, in_order, read_vectors
from lsr.sparse import SparseBatch


def test_vectors_are_cut_and_queries_without_known_terms_left_out(tmp_path: Path) -> None:
    corpus, queries = tmp_path / "v.jsonl", tmp_path / "q.jsonl"
    corpus.write_text(
        "".join(f'{{"id": "{n}", "vector": {{"sea": {n + 1}}}}}\n' for n in range(3)), "utf-8"
    )
    queries.write_text(
        '{"id": "a", "vector": {"sky": 1}}\n{"id": "b", "vector": {"sky": 1, "sea": 2}}\n', "utf-8"
    )

    vectors, asked = read_vectors(str(corpus), str(queries), n_docs=2)

    assert vectors.weights.tolist() == [1, 2]
    assert asked.weights.tolist() == [2]


def test_texts_are_refused(tmp_path: Path) -> None:
    texts, vectors = tmp_path / "t.jsonl", tmp_path / "v.jsonl"
    texts.write_text('{"id": "a", "text": "sea"}\n', "utf-8")
    vectors.write_text('{"id": "a", "vector": {"sea": 1}}\n', "utf-8")

    with pytest.raises(InvalidInputError, match=r"t\.jsonl holds texts.*lsr encode"):
        read_vectors(str(texts), str(vectors))
    with pytest.raises(InvalidInputError, match=r"t\.jsonl holds texts.*lsr encode"):
        read_vectors(str(vectors), str(texts))
    with pytest.raises(InvalidInputError, match="No query"):
        vectors.with_name("q.jsonl").write_text('{"id": "a", "vector": {"sky": 1}}\n', "utf-8")
        read_vectors(str(vectors), str(vectors.with_name("q.jsonl")))


def test_documents_share_one_scale_and_every_query_has_its_own() -> None:
    batch = SparseBatch.from_rows([[(0, 0.5), (1, 5.1)], [(0, 1.02)]], n_terms=2)

    assert as_impacts(batch).weights.tolist() == [25, 255, 51]
    assert as_integer_queries(batch).weights.tolist() == [25, 255, 255]


@pytest.mark.parametrize("batch_size", [1, 2, 4096])
def test_documents_are_put_in_order(monkeypatch: pytest.MonkeyPatch, batch_size: int) -> None:
    monkeypatch.setattr(subject, "BATCH", batch_size)
    batch = SparseBatch.from_rows([[(0, 1)], [], [(1, 2), (2, 3)]], n_terms=3)

    ordered = SparseBatch.concatenate(list(in_order(batch, np.array([2, 0, 1]))))

    assert ordered.to_scipy().toarray().tolist() == [[0, 2, 3], [1, 0, 0], [0, 0, 0]]
