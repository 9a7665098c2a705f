import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lsr.encoders import Backend, load_encoder, reload_encoder
from lsr.encoders.pairing import find_model
from lsr.errors import ConfigError, UnsupportedModelError
from sparse_encoders import TEXTS, TOLERANCE, splade_formula
from tiny_models import ROUTES, add_router, save_tiny_model

Copy = Callable[[], Path]


@pytest.fixture
def query_tower(tmp_path: Path) -> Path:
    return save_tiny_model(tmp_path / "query-tower", "distilbert", seed=1)


def test_two_towers_are_named_apart(tiny_models: dict[str, Path], query_tower: Path) -> None:
    documents = tiny_models["bert"]

    encoder = load_encoder(str(documents), query_model=str(query_tower))

    for folder, vectors in (
        (documents, encoder.encode_documents(TEXTS)),
        (query_tower, encoder.encode_queries(TEXTS)),
    ):
        expected = splade_formula(folder, TEXTS)
        np.testing.assert_allclose(vectors.to_scipy().toarray(), expected, rtol=0, atol=TOLERANCE)
    assert encoder.settings["query_model"] == str(query_tower)


def test_both_towers_are_remembered(tiny_models: dict[str, Path], query_tower: Path) -> None:
    encoder = load_encoder(
        str(tiny_models["bert"]), query_model=str(query_tower), max_length=32, query_max_length=8
    )
    encoder.encode_documents(TEXTS)

    again = reload_encoder(encoder.settings, Backend.AUTO)

    assert again.settings == encoder.settings
    assert (encoder.settings["max_length"], encoder.settings["query_max_length"]) == (32, 8)
    found = again.encode_queries(TEXTS).to_scipy() - encoder.encode_queries(TEXTS).to_scipy()
    assert found.nnz == 0


def test_one_length_is_that_of_both_towers(tiny_models: dict[str, Path], query_tower: Path) -> None:
    encoder = load_encoder(str(tiny_models["bert"]), query_model=str(query_tower), max_length=16)

    assert "query_max_length" not in encoder.settings


def test_towers_of_other_vocabularies_do_not_fit(tiny_models: dict[str, Path]) -> None:
    encoder = load_encoder(str(tiny_models["bert"]), query_model=str(tiny_models["roberta"]))

    with pytest.raises(UnsupportedModelError, match="weights documents in another vocabulary"):
        encoder.encode_documents(TEXTS)


def test_queries_are_encoded_in_one_way(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    folder = str(tiny_models["bert"])

    with pytest.raises(ConfigError, match=r"by the model '.*' or by the table '.*', not by both"):
        find_model(folder, query_model=folder, query_weights=tmp_path / "idf.json")


@pytest.mark.parametrize(
    ("name", "encodes", "documents", "queries"),
    [
        (
            "splade-disco-topiocqa-mistral",
            "queries",
            "naver/splade-cocondenser-ensembledistil",
            "",
        ),
        (
            "efficient-splade-VI-BT-large-query",
            "queries",
            "naver/efficient-splade-VI-BT-large-doc",
            "",
        ),
        (
            "efficient-splade-V-large-doc",
            "documents",
            "",
            "naver/efficient-splade-V-large-query",
        ),
        ("splade_asm_qmlp_doc_encoder", "documents", "", "lsr42/splade_asm_qmlp_query_encoder"),
    ],
)
def test_one_of_two_towers_asks_for_the_other(
    tiny_models: dict[str, Path],
    tmp_path: Path,
    name: str,
    encodes: str,
    documents: str,
    queries: str,
) -> None:
    folder = shutil.copytree(tiny_models["bert"], tmp_path / name)
    other = str(tiny_models["bert"])

    with pytest.raises(UnsupportedModelError) as caught:
        find_model(str(folder))

    message = str(caught.value)
    assert f"was trained to encode {encodes} alone" in message
    assert f"{documents or folder} as the model and {queries or folder} as its query" in message
    assert message.endswith(".")
    # Each fits in its place, and not in that of the other.
    right, wrong = (str(folder), other), (other, str(folder))
    if encodes == "queries":
        right, wrong = wrong, right
    find_model(right[0], query_model=right[1])
    with pytest.raises(UnsupportedModelError, match=f"encode {encodes} alone"):
        find_model(wrong[0], query_model=wrong[1])


def test_a_tower_of_documents_takes_a_table_for_queries(
    tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_models["bert"], tmp_path / "efficient-splade-V-large-doc")
    table = tmp_path / "idf.json"
    table.write_text(json.dumps({"water": 1.5}))

    assert find_model(str(folder), query_weights=table).checkpoint.queries.table == table


def test_files_that_name_both_towers_need_no_other(spoilt_copy: Copy, tmp_path: Path) -> None:
    folder = add_router(spoilt_copy(), ROUTES)
    (folder / "query_0" / "model.safetensors").touch()
    named = folder.rename(tmp_path / "efficient-splade-V-large-doc")

    assert find_model(str(named)).checkpoint.queries.table is not None


def test_cards_are_remembered_and_a_licence_that_forbids_is_noted(
    spoilt_copy: Copy, query_tower: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = spoilt_copy()
    (folder / "README.md").write_text("---\nlicense: cc-by-nc-sa-4.0\n---\n")
    (query_tower / "README.md").write_text("---\nlicense: mit\n---\n")

    with caplog.at_level(logging.INFO):
        encoder = load_encoder(str(folder), query_model=str(query_tower))

    assert encoder.settings["card"] == {"license": "cc-by-nc-sa-4.0"}
    assert encoder.settings["query_card"] == {"license": "mit"}
    notes = [record.message for record in caplog.records if "no commercial use" in record.message]
    assert notes == [f"{folder} has the licence cc-by-nc-sa-4.0: no commercial use."]
