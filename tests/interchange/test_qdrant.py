"""Qdrant's own local mode takes an export and ranks it as we do."""

import json
from pathlib import Path
from typing import Any

import pytest

import lsr.interchange.parts
from interchange import QUERIES, TERMS, stored_values
from lsr.interchange import export_index
from lsr.retrieval import Index


def points(folder: Path) -> list[dict[str, Any]]:
    files = sorted(folder.glob("points-*.json"))
    return [point for file in files for point in json.loads(file.read_bytes())["points"]]


def test_points_are_numbered_and_keep_their_documents(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lsr.interchange.parts, "PART_BYTES", 1000)

    export_index(index, "qdrant", tmp_path / "out")

    found = points(tmp_path / "out")
    names = json.loads((tmp_path / "out" / "terms.json").read_text())
    assert len(list((tmp_path / "out").glob("points-*.json"))) > 3
    assert [point["id"] for point in found] == list(range(len(found)))
    vectors = {}
    for point in found:
        vector = point["vector"].get("vector", {"indices": [], "values": []})
        pairs = zip(vector["indices"], vector["values"], strict=True)
        vectors[point["payload"]["doc_id"]] = {names[term]: value for term, value in pairs}
    assert vectors == stored_values(index.searcher)
    assert found[1]["payload"] == {
        "doc_id": "d1",
        "title": "T",
        "text": "text 1 \u2028 \N{SNOWMAN}",
        "metadata": {"year": 2001},
    }


@pytest.mark.parametrize("weights", ["uint8", "float32"])
def test_qdrant_gives_the_same_scores(
    index: Index, float_index: Index, tmp_path: Path, weights: str
) -> None:
    client = pytest.importorskip("qdrant_client", reason="Qdrant comes with the extra [dev]")
    exported = index if weights == "uint8" else float_index
    export_index(exported, "qdrant", tmp_path / "out")
    collection = json.loads((tmp_path / "out" / "collection.json").read_text())
    models = client.models
    qdrant = client.QdrantClient(":memory:")
    qdrant.create_collection(
        "lsr",
        vectors_config=collection["vectors"],
        sparse_vectors_config={
            name: models.SparseVectorParams(**params)
            for name, params in collection["sparse_vectors"].items()
        },
    )
    qdrant.upsert("lsr", [models.PointStruct(**point) for point in points(tmp_path / "out")])

    stored = stored_values(exported.searcher)
    names = json.loads((tmp_path / "out" / "terms.json").read_text())
    n_hits = 0
    for query in QUERIES:
        known = {term: weight for term, weight in query.items() if term in TERMS}
        if not known:
            continue
        hits = qdrant.query_points(
            "lsr",
            query=models.SparseVector(
                indices=[names.index(term) for term in known],
                values=[float(weight) for weight in known.values()],
            ),
            using="vector",
            limit=100,
        ).points
        found = {hit.payload["doc_id"]: hit.score for hit in hits}
        expected = {
            doc_id: sum(known[term] * value for term, value in row.items() if term in known)
            for doc_id, row in stored.items()
        }
        # Whole numbers are added exactly; of float32 products each sum may be off by a rounding.
        tolerance = 0 if weights == "uint8" else 1e-6
        assert found == pytest.approx(
            {doc_id: score for doc_id, score in expected.items() if score}, rel=tolerance, abs=0
        )
        n_hits += len(hits)
    assert n_hits > 50
