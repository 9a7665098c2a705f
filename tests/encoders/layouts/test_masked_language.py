import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lsr.encoders import Backend, load_encoder, reload_encoder
from lsr.encoders.layouts import check_checkpoint
from sparse_encoders import (
    TEXTS,
    TOLERANCE,
    assert_agrees_with_peer,
    save_peer,
    splade_formula,
    splade_modules,
)
from tiny_models import save_tiny_model

Copy = Callable[[], Path]
Refusal = Callable[[Path], str]


@pytest.fixture
def pair(spoilt_copy: Copy) -> Path:
    """Two towers as naver/splade saves them: that of queries in a folder, with no tokenizer."""
    folder = spoilt_copy()
    save_tiny_model(folder / "query", seed=1)
    for file in (folder / "query").glob("tokenizer*"):
        file.unlink()
    return folder


def test_one_model_encodes_both(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    folder = tiny_models["bert"]

    checkpoint = check_checkpoint(folder)

    tower = checkpoint.documents
    assert (tower.folder, tower.model_type) == (folder, "bert")
    assert checkpoint.queries == tower
    peer = save_peer(tmp_path / "peer", splade_modules(folder))
    assert_agrees_with_peer(folder, peer_folder=peer)


@pytest.mark.parametrize("name", ["idf.json", "query_token_weights.txt"])
def test_a_table_of_query_weights_is_found(spoilt_copy: Copy, name: str) -> None:
    folder = spoilt_copy()
    (folder / name).write_text("{}")

    assert check_checkpoint(folder).queries.table == folder / name


def test_a_table_weights_the_terms_of_a_query_and_no_special_ones(spoilt_copy: Copy) -> None:
    """Query: presence of each token times max(0, idf), special ids zeroed; documents: SPLADE."""
    folder = spoilt_copy()
    idf = {"water": 4.5684, "ocean": 5.7729, "[SEP]": 1.0, "[UNK]": 1.0, "the": -0.5}
    (folder / "idf.json").write_text(json.dumps(idf))
    encoder = load_encoder(str(folder))

    query = encoder.encode_queries(["the Water, water [SEP] \N{SNOWMAN} ocean"])

    found = encoder.decode(query)[0]
    assert found == pytest.approx({"ocean": 5.7729, "water": 4.5684}, rel=1e-6)
    documents = encoder.encode_documents(TEXTS).to_scipy().toarray()
    np.testing.assert_allclose(documents, splade_formula(folder, TEXTS), rtol=0, atol=TOLERANCE)


def test_a_model_in_the_folder_query_encodes_queries(pair: Path) -> None:
    encoder = load_encoder(str(pair))

    documents = encoder.encode_documents(TEXTS).to_scipy().toarray()
    queries = encoder.encode_queries(TEXTS).to_scipy().toarray()

    np.testing.assert_allclose(documents, splade_formula(pair, TEXTS), rtol=0, atol=TOLERANCE)
    expected = splade_formula(pair / "query", TEXTS, tokenizer=pair)
    np.testing.assert_allclose(queries, expected, rtol=0, atol=TOLERANCE)
    again = reload_encoder(encoder.settings, Backend.AUTO)
    np.testing.assert_array_equal(again.encode_queries(TEXTS).to_scipy().toarray(), queries)


def test_a_folder_with_the_model_of_queries_alone(pair: Path, refusal: Refusal) -> None:
    (pair / "config.json").unlink()

    message = refusal(pair)

    assert "holds a model of queries in 'query', but none of documents" in message
    assert "--query-model" in message


def test_two_ways_to_encode_queries(pair: Path, refusal: Refusal) -> None:
    (pair / "idf.json").write_text("{}")

    assert "holds both a table (idf.json) and a model ('query')" in refusal(pair)
