"""`--method`, which an index remembers."""

from pathlib import Path

import pyarrow.parquet as pq

from command import lsr

DOCUMENT = '{"id": "d1", "text": "the river of the island"}'


def test_an_index_remembers_the_method_and_refuses_another(
    tmp_path: Path, tiny_model: Path
) -> None:
    (tmp_path / "docs.jsonl").write_text(DOCUMENT)
    build = ("index", "docs.jsonl", "--index", "idx", "--model", tiny_model, "--update")

    done = lsr(*build, "--method", "splade-doc", cwd=tmp_path)
    assert done.code == 0, done.stderr
    explained = lsr("explain", "river", "d1", "--index", "idx", "--json", cwd=tmp_path)
    refused = lsr(*build, "--method", "splade-v1", cwd=tmp_path)

    assert '"query_weight":1.0' in explained.stdout
    assert refused.code == 1
    assert "was made with method splade-doc, not splade-v1" in refused.stderr


def test_texts_are_encoded_by_the_method(tmp_path: Path, tiny_model: Path) -> None:
    (tmp_path / "queries.tsv").write_text("q1\tthe river\n")

    done = lsr(
        *("encode", "queries.tsv", "--queries", "--model", tiny_model, "--method", "splade-doc"),
        *("--output", "queries.parquet"),
        cwd=tmp_path,
    )

    assert done.code == 0, done.stderr
    (weights,) = pq.read_table(tmp_path / "queries.parquet")["weights"].to_pylist()
    assert weights == [1.0, 1.0]


def test_an_unknown_method_is_refused_with_near_names(tmp_path: Path, tiny_model: Path) -> None:
    (tmp_path / "docs.jsonl").write_text(DOCUMENT)

    done = lsr(
        *("index", "docs.jsonl", "--index", "idx", "--model", tiny_model),
        *("--method", "splade-dok"),
        cwd=tmp_path,
    )

    assert done.code == 1
    assert "no method 'splade-dok'; did you mean splade-doc" in done.stderr
    assert not (tmp_path / "idx").exists()
