import json
import subprocess
import sys
from pathlib import Path

import pytest

import lsr as library
from command import environment, lsr
from word_encoder import WordEncoder


def test_ranks_hits_with_their_terms(indexed: Path) -> None:
    done = lsr("search", "the garden", "--index", "idx", cwd=indexed)

    assert done.code == 0, done.stderr
    assert done.stdout.splitlines()[0] == "the garden"
    assert "  1  " in done.stdout
    assert "%" in done.stdout


def test_json_equals_the_library(indexed: Path) -> None:
    done = lsr(
        "search", "the garden", "--index", "idx", "--json", "--explain", "-k", "2", cwd=indexed
    )

    found = json.loads(done.stdout)
    expected = library.Index.open(indexed / "idx").search("the garden", k=2)
    assert [(one["id"], one["rank"]) for one in found["hits"]] == [
        (hit.doc_id, hit.rank) for hit in expected
    ]
    for one, hit in zip(found["hits"], expected, strict=True):
        assert one["score"] == pytest.approx(hit.score, rel=1e-12)
        assert one["document"] == hit.document.as_dict()
        assert sum(term["product"] for term in one["terms"]) == pytest.approx(hit.score)


def test_a_vector_query_needs_no_model_even_where_there_is_one(indexed: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-X", "importtime", "-m", "lsr", "search"),
            *("--vector", '{"garden": 1}', "--index", "idx"),
        ],
        cwd=indexed,
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
    )

    assert "garden" in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "lsr.retrieval" in imported
    assert not imported & {"torch", "transformers", "huggingface_hub"}


def test_metadata_comes_back(indexed: Path) -> None:
    done = lsr("search", "garden", "--index", "idx", "--json", cwd=indexed)

    documents = {one["id"]: one["document"] for one in json.loads(done.stdout)["hits"]}
    assert documents["d1"]["year"] == 2021
    assert documents["d2"]["tags"] == ["plants", "sun"]


def test_writes_a_run_of_every_query(indexed: Path, tmp_path: Path) -> None:
    (tmp_path / "queries.tsv").write_text("q1\tthe garden\nq2\tquery\n")

    done = lsr(
        *("search", "--queries", tmp_path / "queries.tsv", "--run", tmp_path / "out.trec"),
        *("--index", "idx", "--threads", "2"),
        cwd=indexed,
    )

    assert done.code == 0, done.stderr
    rows = [line.split() for line in (tmp_path / "out.trec").read_text().splitlines()]
    index = library.Index.open(indexed / "idx")
    expected = [
        (query_id, hit.doc_id, str(hit.rank))
        for query_id, text in (("q1", "the garden"), ("q2", "query"))
        for hit in index.search(text, k=1000)
    ]
    assert [(row[0], row[2], row[3]) for row in rows] == expected


def test_a_query_without_hits_says_so(tmp_path: Path) -> None:
    library.Index.build(tmp_path / "idx", [("a", {"cat": 1.0})])

    done = lsr("search", "--vector", '{"dog": 1}', "--index", "idx", cwd=tmp_path)

    assert done.code == 0
    assert "No document shares a term with the query." in done.stderr


def test_explain_adds_up_to_the_score(indexed: Path) -> None:
    done = lsr("explain", "the garden", "d2", "--index", "idx", "--json", cwd=indexed)

    found = json.loads(done.stdout)
    (hit,) = [
        hit
        for hit in library.Index.open(indexed / "idx").search("the garden")
        if hit.doc_id == "d2"
    ]
    assert found["score"] == pytest.approx(hit.score, rel=1e-12)
    assert sum(term["share"] for term in found["terms"]) == pytest.approx(1)
    typed = {term["term"] for term in found["terms"] if term["typed"]}
    assert typed <= {"the", "garden"}


def test_explain_gathers_pieces_by_words(indexed: Path) -> None:
    explain = ("explain", "Gardenflowers of the", "d2", "--index", "idx")
    found = json.loads(lsr(*explain, "--json", cwd=indexed).stdout)
    shown = lsr(*explain, cwd=indexed).stdout.splitlines()[2:]

    terms = {term["term"]: term for term in found["terms"]}
    rows = {row["word"]: row for row in found["words"]}
    assert sorted(term for row in rows.values() for term in row["terms"]) == sorted(terms)
    # The same products in another order: a rounding apart.
    total = sum(row["product"] for row in rows.values())
    assert total == pytest.approx(found["score"], rel=1e-12)
    row = rows["Gardenflowers"]
    pieces = ["garden", *(f"##{letter}" for letter in "flowers")]
    assert row["terms"] == [piece for piece in pieces if piece in terms]
    assert len(row["terms"]) > 1
    assert row["query_words"] == [{"text": "Gardenflowers", "start": 0, "end": 13}]
    text = "a garden of flowers in the summer"
    assert all(text[one["start"] : one["end"]] == one["text"] for one in row["document_words"])
    at = next(number for number, line in enumerate(shown) if line.startswith("Gardenflowers "))
    below = shown[at + 1 : at + 1 + len(row["terms"])]
    assert [line[: line.index(" ", 2)] for line in below] == [f"  {one}" for one in row["terms"]]
    assert {line.split()[0][1:] for line in shown if line.startswith("+")} == {
        row["word"] for row in rows.values() if not row["typed"]
    }


def test_explain_marks_what_the_model_added_to_the_document(indexed: Path) -> None:
    explain = ("explain", "the garden", "d2", "--index", "idx")
    found = json.loads(lsr(*explain, "--json", cwd=indexed).stdout)
    shown = lsr(*explain, cwd=indexed).stdout.splitlines()[2:]

    added = {
        term["term"]
        for term in found["terms"]
        if term["document_weight"] and not term["in_document"]
    }
    columns = [line.split() for line in shown]
    assert {row[0].lstrip("+") for row in columns if row[2].startswith("+")} == added
    assert added
    pieces = {"a", "garden", "of", "flower", "##s", "in", "the", "summer"}
    for term in found["terms"]:
        assert term["in_document"] == (term["term"] in pieces)


def test_explain_of_an_unknown_document(indexed: Path) -> None:
    done = lsr("explain", "garden", "nobody", "--index", "idx", cwd=indexed)

    assert done.code == 1
    assert "has no document with the id 'nobody'" in done.error


def test_a_model_searches_named_vectors_by_its_tokens(tmp_path: Path, tiny_model: Path) -> None:
    """The ids of the model and of the index differ; its words are what they share."""
    encoder = library.load_encoder(str(tiny_model))
    (vector,) = encoder.decode(encoder.encode_documents(["a garden in the summer"]))
    library.Index.build(tmp_path / "idx", [("other", {"zebra": 1.5}), ("d2", vector)])

    done = lsr("search", "garden", "--index", "idx", "--model", tiny_model, "--json", cwd=tmp_path)

    assert done.code == 0, done.stderr
    (hit,) = json.loads(done.stdout)["hits"]
    query, document = (
        encoder.encode_queries(["garden"]),
        encoder.encode_documents(["a garden in the summer"]),
    )
    expected = float((query.to_scipy() @ document.to_scipy().T).toarray()[0, 0])
    assert hit["id"] == "d2"
    # Half a step of 8 bits is at most 0.4 % of the largest weight.
    assert hit["score"] == pytest.approx(expected, rel=0.02)


def test_a_run_in_json(indexed: Path, tmp_path: Path) -> None:
    (tmp_path / "queries.tsv").write_text("q1\tthe garden\n")

    done = lsr(
        *("search", "--queries", tmp_path / "queries.tsv", "--run", tmp_path / "out.trec"),
        *("--index", "idx", "--json"),
        cwd=indexed,
    )

    facts = json.loads(done.stdout)
    assert (facts["queries"], facts["without_hits"]) == (1, 0)


def test_a_text_query_shows_its_terms_in_an_index_of_names(
    tmp_path: Path, tiny_model: Path
) -> None:
    encoder = library.load_encoder(str(tiny_model))
    (vector,) = encoder.decode(encoder.encode_documents(["a garden in the summer"]))
    library.Index.build(tmp_path / "idx", [("other", {"zebra": 1.5}), ("d2", vector)])

    done = lsr("search", "garden", "--index", "idx", "--model", tiny_model, cwd=tmp_path)

    assert done.code == 0, done.stderr
    assert done.stdout.splitlines()[2].startswith("  1  d2  ")
    assert "%" in done.stdout.splitlines()[3]


@pytest.mark.parametrize("weights", ["uint8", "float32"])
def test_explains_the_score_of_a_vector_without_a_model(tmp_path: Path, weights: str) -> None:
    # No model of this name could be loaded.
    index = library.Index.build(
        tmp_path / "idx",
        [{"id": "a", "text": "apple bread bread"}, {"id": "b", "text": "bread honey"}],
        encoder=WordEncoder(),
        weights=weights,
    )
    vector = {"bread": 0.7, "apple": 0.2, "grape": 1.0}

    done = lsr(
        *("explain", "--vector", json.dumps(vector), "a", "--index", "idx", "--json"),
        cwd=tmp_path,
    )

    assert done.code == 0, done.stderr
    found = json.loads(done.stdout)
    (hit,) = [hit for hit in index.search(vector) if hit.doc_id == "a"]
    # Searching float32 weights, each of three products and sums rounds to 24 bits.
    tolerance = {"uint8": 1e-12, "float32": 8 * 2.0**-24}[weights]
    assert found["score"] == pytest.approx(hit.score, rel=tolerance)
    assert sum(term["product"] for term in found["terms"]) == pytest.approx(found["score"])
    assert {term["term"] for term in found["terms"] if term["product"] > 0} == {"apple", "bread"}
    assert all(term["typed"] for term in found["terms"])
    assert all(term["in_document"] is None for term in found["terms"])
    assert {(row["word"], row["document_words"]) for row in found["words"]} == {
        (term, None) for term in vector
    }
    plain = lsr("explain", "--vector", json.dumps(vector), "a", "--index", "idx", cwd=tmp_path)
    assert plain.stdout.startswith(f"a scores {hit.score:.4f}\n")
    assert "+" not in plain.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a"], "Give one question, a QUERY, --conversation or --vector, and one DOC_ID."),
        (["a query", "a", "b"], "Give one question"),
        (["--vector", '{"cat": 1}', "cat", "a"], "Give one question"),
        (["--vector", "{}", "--conversation", "[]", "a"], "Give one question"),
        (["--vector", "{cat}", "a"], "--vector is not a JSON object of weights"),
    ],
)
def test_explain_needs_one_question_and_one_document(
    indexed: Path, arguments: list[str], message: str
) -> None:
    done = lsr("explain", *arguments, "--index", "idx", cwd=indexed)

    assert done.code == 2
    assert message in done.error
