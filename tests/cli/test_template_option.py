"""`--template`, which an index remembers."""

import json
from pathlib import Path

import pyarrow.parquet as pq

from command import lsr

PRODUCTS = (
    '{"id": "p1", "title": "wheel", "text": "engine", "brand": "river"}\n'
    '{"id": "p2", "title": "wheel", "text": "engine", "brand": "garden"}\n'
)


def test_an_index_encodes_the_fields_that_its_template_names(
    tmp_path: Path, tiny_model: Path
) -> None:
    (tmp_path / "products.jsonl").write_text(PRODUCTS)
    build = ("index", "products.jsonl", "--index", "idx", "--model", tiny_model)
    method = ("--method", "splade-doc")

    done = lsr(*build, *method, "--template", "{brand} {title}", cwd=tmp_path)
    assert done.code == 0, done.stderr
    explained = lsr("explain", "river engine", "p1", "--index", "idx", "--json", cwd=tmp_path)
    refused = lsr(*build, "--update", "--template", "{title}", cwd=tmp_path)
    info = lsr("info", "--index", "idx", "--json", cwd=tmp_path)

    terms = json.loads(explained.stdout)["terms"]
    found = {term["term"]: term["in_document"] for term in terms}
    assert found == {"river": True, "engine": False}
    assert "was made with template {brand} {title}, not {title}" in refused.stderr
    assert json.loads(info.stdout)["encoder"]["template"] == "{brand} {title}"


def test_texts_are_encoded_by_the_template(tmp_path: Path, tiny_model: Path) -> None:
    (tmp_path / "products.jsonl").write_text(PRODUCTS)
    (tmp_path / "plain.jsonl").write_text('{"id": "p1", "text": "river: engine"}\n')
    run = ("--model", tiny_model, "--output")

    done = lsr(
        *("encode", "products.jsonl", "--template", "{brand}: {text}", *run, "a.parquet"),
        cwd=tmp_path,
    )
    assert done.code == 0, done.stderr
    lsr("encode", "plain.jsonl", *run, "b.parquet", cwd=tmp_path)

    templated, plain = (pq.read_table(tmp_path / name) for name in ("a.parquet", "b.parquet"))
    assert templated["weights"][0] == plain["weights"][0]


def test_documents_without_text_are_those_whose_template_gives_none(
    tmp_path: Path, tiny_model: Path
) -> None:
    (tmp_path / "products.jsonl").write_text(
        PRODUCTS + '{"id": "p3", "text": "", "brand": "engine"}\n{"id": "p4", "text": "river"}\n'
    )

    done = lsr(
        *("index", "products.jsonl", "--index", "idx", "--model", tiny_model, "--json"),
        *("--template", "{brand}"),
        cwd=tmp_path,
    )

    assert done.code == 0, done.stderr
    assert json.loads(done.stdout)["empty"] == 1
    assert "document 'p4' has no text" in done.stderr


def test_a_template_without_fields_is_refused(tmp_path: Path, tiny_model: Path) -> None:
    (tmp_path / "products.jsonl").write_text(PRODUCTS)

    done = lsr(
        *("index", "products.jsonl", "--index", "idx", "--model", tiny_model),
        *("--template", "title"),
        cwd=tmp_path,
    )

    assert done.code == 1
    assert "must name fields of documents in braces" in done.stderr
