"""`lsr search --hybrid` says of an index with two halves what the library finds there."""

import json
import math
from pathlib import Path

import pytest

import lsr as library
from command import lsr
from dense_word_encoder import DenseWordEncoder
from lsr.encoders import DenseEncoder
from lsr.eval.run_file import read_run
from tiny_decoders import save_tiny_decoder

TEXTS = ["apple", "egg", "apple bread", "", "fig fig cheese", "apple", "honey dough egg", "grape"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The index ``idx``, made and used with an encoder that has a dense half."""
    monkeypatch.setattr("lsr.encoders.load_encoder", lambda *_, **__: DenseWordEncoder())
    monkeypatch.setattr("lsr.retrieval.blueprint.reload_encoder", lambda *_: DenseWordEncoder())
    lines = [json.dumps({"id": f"d{n}", "text": text}) for n, text in enumerate(TEXTS)]
    done = lsr(
        *("index", "-", "--index", "idx", "--model", "words", "--weights", "float32"),
        stdin="\n".join(lines),
        cwd=tmp_path,
    )
    assert done.code == 0, done.stderr
    return tmp_path


@pytest.mark.parametrize(("options", "alpha"), [([], 0.5), (["--alpha", "0.9"], 0.9)])
def test_one_question_is_answered_by_both_halves(
    folder: Path, options: list[str], alpha: float
) -> None:
    done = lsr(
        *("search", "apple fig", "--index", "idx", "--hybrid", *options, "--json", "--explain"),
        cwd=folder,
    )

    assert done.code == 0, done.stderr
    found = json.loads(done.stdout)
    hits = library.Index.open(folder / "idx").search("apple fig", alpha=alpha)
    assert found["alpha"] == alpha
    assert [(one["id"], one["score"]) for one in found["hits"]] == [
        (hit.doc_id, hit.score) for hit in hits
    ]
    for one, hit in zip(found["hits"], hits, strict=True):
        assert hit.halves is not None
        for name, half in (("sparse", hit.halves.sparse), ("dense", hit.halves.dense)):
            assert one["halves"][name] == {"score": half.score, "scaled": half.scaled}
        products = sum(term["product"] for term in one["terms"])
        assert products == pytest.approx(hit.halves.sparse.score or 0.0)


def test_a_reader_sees_what_either_half_said(folder: Path) -> None:
    asked = ("search", "fig", "--index", "idx", "--hybrid", "-k", "2")

    lines = [line.strip() for line in lsr(*asked, "--explain", cwd=folder).stdout.splitlines()]

    # One text has figs, two of them and a cheese; bread is the opposite of a fig.
    sparse = math.log1p(12 / 7) * math.log1p(24 / 7)
    assert [line for line in lines if line.startswith("sparse ")] == [
        f"sparse {sparse:.4g} → 1.00 · dense {2 / math.sqrt(5):.4g} → 1.00",
        f"sparse not found → 0.00 · dense 0 → {1 / (1 + 2 * math.sqrt(2 / 5)):.2f}",
    ]
    assert lines[-1].startswith("sparse not found"), "nothing is said of the words it has not"
    assert "sparse " not in lsr(*asked, cwd=folder).stdout


def test_a_run_is_written_of_a_file_of_questions(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "q.tsv").write_text("q1\tapple fig\nq2\thoney\nq3\tnothing known\n")
    monkeypatch.setattr("lsr.cli.query_file.CHUNK_HITS", 8)
    files = ("--queries", "q.tsv", "--run", "out.trec", "--index", "idx", "-k", "4")

    done = lsr("search", *files, "--hybrid", "--prune", "top_k:1", "--json", cwd=folder)

    assert done.code == 0, done.stderr
    index = library.Index.open(folder / "idx")
    pruned = library.Approximation(prune=library.PruneRule.parse("top_k:1"))
    wanted = {
        name: [hit.doc_id for hit in index.search(text, 4, alpha=0.5, approximation=pruned)]
        for name, text in (("q1", "apple fig"), ("q2", "honey"))
    }
    run = read_run(folder / "out.trec")
    assert {name: [doc_id for doc_id, _ in hits] for name, hits in run.items()} == wanted
    assert json.loads(done.stdout)["without_hits"] == 1


def test_info_tells_of_the_dense_half(folder: Path) -> None:
    said = lsr("info", "--index", "idx", cwd=folder).stdout

    assert "dense       4 numbers a document" in said
    assert ", dense half 0.00" in said


def test_what_has_no_dense_half_is_refused(folder: Path, indexed: Path) -> None:
    (folder / "v.jsonl").write_text('{"id": "q1", "vector": {"apple": 1}}\n')
    by_vectors = ("--queries", "v.jsonl", "--run", "out.trec")

    refused = {
        "idx has no dense half; search it without --hybrid": lsr(
            "search", "garden", "--index", "idx", "--hybrid", cwd=indexed
        ),
        "A query that is a vector has no dense half": lsr(
            "search", "--vector", '{"apple": 1}', "--index", "idx", "--hybrid", cwd=folder
        ),
        "The queries are vectors, which have no dense half": lsr(
            "search", *by_vectors, "--index", "idx", "--hybrid", cwd=folder
        ),
    }

    for start, done in refused.items():
        assert (done.code, done.error[: len(start)]) == (1, start)
    assert not (folder / "out.trec").exists()
    for options in (["--alpha", "0.5"], ["--hybrid", "--alpha", "1.5"]):
        assert lsr("search", "apple", "--index", "idx", *options, cwd=folder).code == 2


@pytest.mark.slow
def test_a_prompted_model_fills_both_halves_without_being_told(tmp_path: Path) -> None:
    model = save_tiny_decoder(tmp_path / "tiny")
    texts = ["the garden of the painter", "a long river", "the garden by the river"]
    lines = [json.dumps({"id": f"d{n}", "text": text}) for n, text in enumerate(texts)]
    built = ("index", "-", "--index", "idx", "--model", model, "--method", "promptreps")
    done = lsr(*built, stdin="\n".join(lines), cwd=tmp_path)
    assert done.code == 0, done.stderr

    asked = ("search", "the river", "--index", "idx", "--hybrid", "--json", "--explain")
    found = lsr(*asked, cwd=tmp_path)

    assert found.code == 0, found.stderr
    encoder = library.load_encoder(str(model), method="promptreps")
    assert isinstance(encoder, DenseEncoder)
    rows = encoder.encode_documents_densely(texts).dense
    query = encoder.encode_queries_densely(["the river"]).dense
    assert rows is not None
    assert query is not None
    hits = {one["id"]: one["halves"]["dense"]["score"] for one in json.loads(found.stdout)["hits"]}
    # Rows differ in their last bits with the batch that a text is encoded in.
    assert hits == pytest.approx({f"d{n}": row @ query[0] for n, row in enumerate(rows)}, abs=1e-5)
