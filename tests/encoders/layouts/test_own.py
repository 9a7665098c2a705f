import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framework_formulas import of_tokens, save_heads, text_ids
from lsr.encoders import Backend, load_encoder
from lsr.encoders.layouts import check_checkpoint
from lsr.encoders.method import Activation, Head
from lsr.errors import ModelNotFoundError, UnsupportedModelError

Copy = Callable[[], Path]
TEXTS = ["sparse retrieval with learned weights", "water", "search the search of the search"]
SPLADE = {"side": {"weighting": {"type": "vocabulary"}}}
PRESENCE = {"side": {"weighting": {"type": "presence", "weight": 0.5}}}
TOKENS = {"side": {"weighting": {"type": "token", "repeats": "max"}}}


def write(folder: Path, **entries: Any) -> Path:
    said = {"version": 1, "documents": SPLADE, "queries": SPLADE, **entries}
    (folder / "lsr.json").write_text(json.dumps(said))
    return folder


def refusal(folder: Path) -> str:
    with pytest.raises((ModelNotFoundError, UnsupportedModelError)) as caught:
        check_checkpoint(folder)
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    return message


def test_towers_are_what_the_file_says(spoilt_copy: Copy) -> None:
    folder = spoilt_copy()
    (folder / "queries").mkdir()
    shutil.copy(folder / "tokenizer.json", folder / "queries")
    (folder / "queries" / "idf.json").write_text('{"river": 2.5}')
    side = {"weighting": {"type": "table"}, "prefix": "", "prune": None}
    write(
        folder,
        documents={**SPLADE, "max_length": 48},
        queries={"side": side, "folder": "queries", "table": "queries/idf.json", "max_length": 16},
    )

    encoder = load_encoder(str(folder))

    assert encoder.decode(encoder.encode_queries(["the river"])) == [{"river": 2.5}]
    assert encoder.encode_documents(TEXTS).nnz > 0
    assert encoder.settings["max_length"] == 48


def test_a_head_beside_the_model_weighs_tokens(spoilt_copy: Copy) -> None:
    folder = write(spoilt_copy(), documents=TOKENS, queries=PRESENCE)
    save_heads(folder)

    encoder = load_encoder(str(folder), backend=Backend.TORCH)

    found = encoder.encode_documents(TEXTS).to_scipy().toarray()
    n_terms = len(encoder.tokens)
    for row, text in zip(found, TEXTS, strict=True):
        expected = of_tokens(folder, text, Activation.RELU, 1, summed=False, n_terms=n_terms)
        np.testing.assert_allclose(row, expected, rtol=0, atol=1e-5)
    (query,) = encoder.encode_queries(["the river"]).to_scipy().toarray()
    assert np.flatnonzero(query).tolist() == sorted(text_ids(folder, "the river"))
    assert query.max() == 0.5
    assert set(check_checkpoint(folder).documents.heads) == set(Head)


def test_a_side_without_a_network_needs_a_tokenizer_alone(spoilt_copy: Copy) -> None:
    folder = spoilt_copy()
    (folder / "words").mkdir()
    shutil.copy(folder / "tokenizer.json", folder / "words")

    tower = check_checkpoint(write(folder, queries={**PRESENCE, "folder": "words"})).queries

    assert (tower.folder, tower.config) == (folder / "words", {})


def test_the_file_is_read_where_the_hub_keeps_links(spoilt_copy: Copy, tmp_path: Path) -> None:
    folder = spoilt_copy()
    (folder / "idf.json").write_text('{"river": 2.5}')
    write(folder, queries={"side": {"weighting": {"type": "table"}}, "table": "idf.json"})
    links = tmp_path / "links"
    links.mkdir()
    for file in folder.iterdir():
        (links / file.name).symlink_to(file)

    assert check_checkpoint(links).queries.table == links / "idf.json"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": 2}, r"lsr.json is not understood \(Invalid enum value 2"),
        ({"documents": {"side": {"weighting": {"type": "magic"}}}}, "'magic'"),
        ({"documents": {**SPLADE, "shape": 1}}, "unknown field `shape`"),
        ({"queries": {**SPLADE, "folder": ".."}}, "names '..', which is not in its folder"),
        ({"queries": {**SPLADE, "folder": "/tmp"}}, "names '/tmp', which is not in its folder"),
        ({"queries": {**SPLADE, "folder": "gone"}}, "names 'gone', which does not exist"),
        ({"queries": {"side": {"weighting": {"type": "table"}}}}, "must name a table"),
        ({"queries": {**SPLADE, "table": "config.json"}}, "must name a table"),
        (
            {"queries": {"side": {"weighting": {"type": "presence", "weight": 0}}}},
            "Expected `float` > 0.0",
        ),
        (
            {"queries": {"side": {"weighting": {"type": "vocabulary", "saturation": 3}}}},
            "Expected `int` <= 2",
        ),
    ],
)
def test_what_the_file_cannot_mean_is_refused(
    spoilt_copy: Copy, change: dict[str, Any], reason: str
) -> None:
    assert re.search(reason, refusal(write(spoilt_copy(), **change)))


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ("config.json", "holds no config.json"),
        ("model.safetensors", "holds no .*safetensors"),
        ("tokenizer.json", "holds no tokenizer"),
    ],
)
def test_what_is_missing_is_named(spoilt_copy: Copy, missing: str, reason: str) -> None:
    folder = write(spoilt_copy())
    (folder / missing).unlink()

    assert re.search(reason, refusal(folder))


def test_a_head_that_the_file_needs_and_nobody_saved_is_refused(spoilt_copy: Copy) -> None:
    folder = write(spoilt_copy(), documents=TOKENS, queries=PRESENCE)

    with pytest.raises(UnsupportedModelError, match="has no token head"):
        load_encoder(str(folder)).encode_documents(["water"])


def test_a_head_of_another_model_is_refused(spoilt_copy: Copy) -> None:
    folder = write(spoilt_copy(), documents=TOKENS, queries=PRESENCE)
    save_heads(folder, size=8)

    with pytest.raises(UnsupportedModelError, match=r"'token.weight' in the shape \[1, 8\]"):
        load_encoder(str(folder)).encode_documents(["water"])
