"""Bulk requests of Elasticsearch and OpenSearch."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lsr.interchange.parts
from interchange import stored_values
from lsr.errors import ConfigError, InvalidInputError
from lsr.interchange import export_index
from lsr.retrieval import Index
from lsr.sparse import SparseBatch


def bulk(folder: Path) -> dict[str, dict[str, Any]]:
    """Read the requests as a server does: an action, then what it is about."""
    documents: dict[str, dict[str, Any]] = {}
    for file in sorted(folder.glob("documents-*.ndjson")):
        content = file.read_bytes()
        assert content.endswith(b"\n")
        lines = [json.loads(line) for line in content.splitlines()]
        for action, fields in zip(lines[::2], lines[1::2], strict=True):
            assert list(action) == ["index"]
            documents[action["index"]["_id"]] = fields
    return documents


def in_lucene(weight: float) -> float:
    """Cut a weight as Lucene's FeatureField stores it: the upper 17 bits of a 32-bit float."""
    bits = np.float32(weight).view(np.int32) >> 15 << 15
    return float(np.int32(bits).view(np.float32))


@pytest.mark.parametrize(
    ("name", "field_type"), [("elasticsearch", "sparse_vector"), ("opensearch", "rank_features")]
)
def test_vectors_survive_what_lucene_cuts_off(
    index: Index, tmp_path: Path, name: str, field_type: str
) -> None:
    export_index(index, name, tmp_path / "out")

    found = bulk(tmp_path / "out")

    kept = {
        doc_id: {term: in_lucene(value) for term, value in fields.get("vector", {}).items()}
        for doc_id, fields in found.items()
    }
    assert kept == stored_values(index.searcher)
    body = json.loads((tmp_path / "out" / "index.json").read_text())
    assert body["mappings"]["properties"]["vector"] == {"type": field_type}


def test_rounded_float_weights_survive_too(float_index: Index, tmp_path: Path) -> None:
    export_index(float_index, "elasticsearch", tmp_path / "out", scale=100)

    for fields in bulk(tmp_path / "out").values():
        values = list(fields.get("vector", {}).values())
        assert values == [in_lucene(value) for value in values]
        assert all(isinstance(value, int) for value in values)


def test_documents_bring_what_is_stored_and_declared_fields_are_mapped(tmp_path: Path) -> None:
    fields = {"year": "int", "lang": "str", "score": "float", "new": "bool", "tags": "tags"}
    index = Index.create(tmp_path / "idx", fields=fields)
    document = {"id": "a", "title": "T", "text": "x\ny", "year": 3, "tags": ["u"], "vector": [1]}
    with index.writer() as writer:
        writer.add({**document, "vector": {}})
        writer.commit()

    export_index(index, "opensearch", tmp_path / "out")

    metadata = {"year": 3, "tags": ["u"]}
    assert bulk(tmp_path / "out") == {"a": {"title": "T", "text": "x\ny", "metadata": metadata}}
    mapping = json.loads((tmp_path / "out" / "index.json").read_text())["mappings"]["properties"]
    kinds = ["long", "keyword", "double", "boolean", "keyword"]
    properties = {name: {"type": kind} for name, kind in zip(fields, kinds, strict=True)}
    assert mapping["metadata"] == {"type": "object", "dynamic": False, "properties": properties}


def test_a_server_gets_requests_of_bounded_size(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lsr.interchange.parts, "PART_BYTES", 1000)

    export_index(index, "opensearch", tmp_path / "out")

    files = list((tmp_path / "out").glob("documents-*.ndjson"))
    assert len(files) > 3
    assert max(file.stat().st_size for file in files) <= 1000
    assert list(bulk(tmp_path / "out")) == list(stored_values(index.searcher))


def test_approximate_search_numbers_terms_and_keeps_impacts(index: Index, tmp_path: Path) -> None:
    export_index(index, "opensearch-ann", tmp_path / "out")

    body = json.loads((tmp_path / "out" / "index.json").read_text())
    names = json.loads((tmp_path / "out" / "terms.json").read_text())
    assert names == index.searcher.vocabulary.names
    assert body["settings"] == {"index": {"sparse": True}}
    method = body["mappings"]["properties"]["vector"]["method"]
    assert method["name"] == "seismic"
    # It quantizes to round(255 * weight / ceiling): the impacts themselves.
    ceiling = method["parameters"]["quantization_ceiling_ingest"]
    found = {
        doc_id: {
            names[int(number)]: round(255 * value / ceiling)
            for number, value in fields.get("vector", {}).items()
        }
        for doc_id, fields in bulk(tmp_path / "out").items()
    }
    assert found == stored_values(index.searcher)


def test_approximate_search_tells_32768_terms_apart(tmp_path: Path) -> None:
    index = Index.create(tmp_path / "idx", terms=[str(number) for number in range(32_769)])
    with index.writer() as writer:
        writer.commit()

    with pytest.raises(ConfigError, match=r"32,769 terms.*only 32,768 apart; export to opensearch"):
        export_index(index, "opensearch-ann", tmp_path / "out")


def test_a_term_without_a_name_is_refused(tmp_path: Path) -> None:
    index = Index.build(tmp_path / "idx", [("d", {"": 1.0})])

    with pytest.raises(InvalidInputError, match="has the term '', which Elasticsearch cannot"):
        export_index(index, "elasticsearch", tmp_path / "out")


def test_float_weights_are_written_as_short_as_they_read_back(tmp_path: Path) -> None:
    vectors = SparseBatch.from_rows([[(0, 0.1), (1, 1 / 3), (2, 1e-30)]], 3)
    index = Index.build(
        tmp_path / "idx", [("d", {"a": 0.1, "b": 1 / 3, "c": 1e-30})], weights="float32"
    )

    export_index(index, "opensearch-ann", tmp_path / "out")

    content = (tmp_path / "out" / "documents-00000.ndjson").read_text()
    assert '{"0":0.1,"1":0.33333334,"2":1e-30}' in content
    assert np.float32(0.33333334) == vectors.weights[1]
