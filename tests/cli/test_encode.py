from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import lsr as library
from command import lsr, tree


def test_encoded_vectors_index_as_the_texts_do(
    indexed: Path, tmp_path: Path, tiny_model: Path
) -> None:
    done = lsr(
        *("encode", indexed / "docs.jsonl", "--model", tiny_model, "--max-length", "32"),
        *("--output", "vectors.parquet"),
        cwd=tmp_path,
    )
    assert done.code == 0, done.stderr
    done = lsr("index", "vectors.parquet", "--index", "idx", cwd=tmp_path)
    assert done.code == 0, done.stderr

    # The file names its encoder, so that the index answers text.
    found = library.Index.open(tmp_path / "idx").search("the garden")
    expected = library.Index.open(indexed / "idx").search("the garden")
    assert [hit.doc_id for hit in found] == [hit.doc_id for hit in expected]
    # The ceiling of the quantizer differs: fitted to the vectors, and the encoder's own.
    np.testing.assert_allclose(
        [hit.score for hit in found], [hit.score for hit in expected], rtol=0.02
    )


def test_encoded_queries_search_as_their_texts_do(
    indexed: Path, tmp_path: Path, tiny_model: Path
) -> None:
    (tmp_path / "q.tsv").write_text("q1\tthe garden\nq2\tquery\n")
    lsr(
        *("encode", "q.tsv", "--queries", "--model", tiny_model, "--max-length", "32"),
        *("--output", "q.parquet"),
        cwd=tmp_path,
    )

    for source in ("q.tsv", "q.parquet"):
        done = lsr(
            *("search", "--queries", source, "--run", source + ".trec"),
            *("--index", indexed / "idx"),
            cwd=tmp_path,
        )
        assert done.code == 0, done.stderr

    assert (tmp_path / "q.tsv.trec").read_text() == (tmp_path / "q.parquet.trec").read_text()


def test_a_failure_leaves_the_old_file(tmp_path: Path, tiny_model: Path) -> None:
    (tmp_path / "v.parquet").write_text("old")
    (tmp_path / "bad.jsonl").write_text('{"id": "a", "text": "x"}\n{\n')

    done = lsr(
        *("encode", "bad.jsonl", "--model", tiny_model, "--max-length", "32"),
        *("--output", "v.parquet"),
        cwd=tmp_path,
    )

    assert done.code == 1
    assert "bad.jsonl:2" in done.error
    assert (tmp_path / "v.parquet").read_text() == "old"
    assert set(tree(tmp_path)) == {"bad.jsonl", "v.parquet"}


def test_the_file_is_plain_parquet(indexed: Path, tmp_path: Path, tiny_model: Path) -> None:
    lsr(
        *("encode", indexed / "docs.jsonl", "--model", tiny_model, "--max-length", "32"),
        *("--output", "vectors.parquet"),
        cwd=tmp_path,
    )

    table = pq.read_table(tmp_path / "vectors.parquet")

    assert table.column_names == ["id", "terms", "weights"]
    encoder = library.load_encoder(str(tiny_model), max_length=32)
    batch = encoder.encode_documents(["a garden of flowers in the summer"])
    assert table["id"].to_pylist() == ["d1", "d2", "d3"]
    assert table["terms"].to_pylist()[1] == batch.row(0)[0].tolist()
    assert table["weights"].to_pylist()[1] == pytest.approx(batch.row(0)[1].tolist(), abs=1e-6)
