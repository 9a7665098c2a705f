import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from lsr.encoders import Backend, Encoder, Precision, load_encoder, reload_encoder
from lsr.encoders.decoding import decode_batch
from lsr.encoders.layouts import check_checkpoint
from lsr.encoders.method import Side, TableWeighting
from lsr.encoders.tower_loading import load_tower
from lsr.errors import InvalidInputError, ModelNotFoundError, UnsupportedModelError
from tiny_models import ROUTES, add_router

Copy = Callable[[], Path]
WEIGHTS = {"ocean": 4.0, "water": 2.5, "the": 0.125, "[SEP]": 1.0, "river": 0.0}


@pytest.fixture
def model(spoilt_copy: Copy) -> Path:
    """A masked-language model for documents, with a table for queries."""
    folder = spoilt_copy()
    (folder / "idf.json").write_text(json.dumps(WEIGHTS))
    return folder


@pytest.fixture
def encoder(model: Path) -> Encoder:
    return load_encoder(str(model), max_length=32)


def queries(encoder: Encoder, texts: list[str]) -> list[dict[str, float]]:
    return encoder.decode(encoder.encode_queries(texts))


def test_a_term_weighs_what_the_table_says_however_often_it_occurs(encoder: Encoder) -> None:
    texts = ["Water, water and the OCEAN", "", "river", "[SEP] garden", "the"]

    assert queries(encoder, texts) == [
        {"ocean": 4.0, "water": 2.5, "the": 0.125},
        {},
        {},  # weighs nothing, like what the table does not name
        {},  # a special token says nothing of what is asked
        {"the": 0.125},
    ]


def test_the_separator_is_that_of_queries(encoder: Encoder) -> None:
    assert encoder.separator == "[SEP]"


def test_any_model_takes_a_table_for_its_queries(
    tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    table = tmp_path / "weights.json"
    table.write_text(json.dumps(WEIGHTS))
    folder = str(tiny_models["bert"])

    encoder = load_encoder(folder, max_length=32, query_weights=table)

    assert queries(encoder, ["the water, the river"]) == [{"water": 2.5, "the": 0.125}]
    again = reload_encoder(encoder.settings, Backend.AUTO)
    assert again.settings == encoder.settings
    assert queries(again, ["the water, the river"]) == [{"water": 2.5, "the": 0.125}]
    with pytest.raises(ModelNotFoundError, match=r"query weights '.*gone.json' does not exist"):
        load_encoder(folder, query_weights=tmp_path / "gone.json")


def test_rows_are_in_order(encoder: Encoder) -> None:
    batch = encoder.encode_queries(["the water of the ocean", "ocean water"])

    for terms, _ in batch.rows():
        assert (np.diff(terms.astype(np.int64)) > 0).all()
    assert batch.terms.dtype == np.uint32
    assert batch.weights.dtype == np.float32
    assert batch.n_terms == len(encoder.tokens)
    assert len(encoder.encode_queries([])) == 0


def test_documents_are_encoded_by_the_model(encoder: Encoder, tiny_models: dict[str, Path]) -> None:
    texts = ["water of the ocean", "a garden"]

    ours = encoder.encode_documents(texts)

    plain = load_encoder(str(tiny_models["bert"]), max_length=32)
    np.testing.assert_array_equal(ours.weights, plain.encode_documents(texts).weights)
    assert encoder.settings == {
        **plain.settings,
        "model": encoder.settings["model"],
        "queries": {
            "weighting": {"type": "table", "special_tokens": False},
            "prefix": "",
            "prune": None,
            "unit_length": False,
        },
    }
    assert encoder.fingerprint == plain.fingerprint


def test_queries_need_no_weights_of_the_model(model: Path) -> None:
    (model / "model.safetensors").write_bytes(b"")

    encoder = load_encoder(str(model), max_length=32)

    assert queries(encoder, ["the ocean"]) == [{"ocean": 4.0, "the": 0.125}]
    with pytest.raises(UnsupportedModelError, match="cannot be read"):
        encoder.encode_documents(["the ocean"])


def test_a_router_names_the_table_and_the_tokenizer_of_queries(spoilt_copy: Copy) -> None:
    folder = add_router(spoilt_copy(), ROUTES)
    vocabulary = load_encoder(str(spoilt_free(folder))).tokens
    weights = np.array([WEIGHTS.get(token, 0.0) for token in vocabulary], np.float32)
    save_file({"weight": weights}, folder / "query_0" / "model.safetensors")
    shutil.copy(folder / "tokenizer.json", folder / "query_0")

    encoder = load_encoder(str(folder), max_length=32)

    assert queries(encoder, ["the ocean"]) == [{"ocean": 4.0, "the": 0.125}]
    assert encoder.encode_documents(["the ocean"]).nnz > 0


def spoilt_free(folder: Path) -> Path:
    """Return a copy of a model without its sentence-transformers parts."""
    plain = folder.parent / "plain"
    shutil.copytree(folder, plain)
    (plain / "modules.json").unlink()
    return plain


def test_a_tokenizer_of_queries_with_another_vocabulary_is_refused(spoilt_copy: Copy) -> None:
    folder = add_router(spoilt_copy(), ROUTES)
    tokenizer: Any = json.loads((folder / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary["water"], vocabulary["ocean"] = vocabulary["ocean"], vocabulary["water"]
    (folder / "query_0" / "tokenizer.json").write_text(json.dumps(tokenizer))
    save_file({"weight": np.ones(3, np.float32)}, folder / "query_0" / "model.safetensors")
    encoder = load_encoder(str(folder), max_length=32)

    with pytest.raises(UnsupportedModelError, match="weights documents in another vocabulary"):
        encoder.encode_documents(["water"])


def test_one_string_instead_of_a_list_is_refused(encoder: Encoder) -> None:
    with pytest.raises(InvalidInputError, match=r"pass \[text\]"):
        encoder.encode_queries("water")


def test_spans_and_decoding_are_those_of_the_vocabulary(encoder: Encoder) -> None:
    ((term, start, end),) = encoder.term_spans("ocean")

    assert (encoder.tokens[term], start, end) == ("ocean", 0, 5)
    assert encoder.weight_ceiling == 4.0


def test_light_weights_may_be_left_out_and_vectors_be_of_unit_length(model: Path) -> None:
    queries = check_checkpoint(model).queries
    side = Side(TableWeighting(), prune="top_k:2", unit_length=True)
    tower = load_tower(
        "tiny",
        replace(queries, side=side),
        max_length=32,
        precision=Precision.FLOAT32,
        backend=Backend.AUTO,
    )

    (found,) = decode_batch(tower.encode(["the water of the ocean"]), tower.tokens, None)

    length = (4.0**2 + 2.5**2) ** 0.5
    assert found == pytest.approx({"ocean": 4.0 / length, "water": 2.5 / length}, rel=1e-6)
