import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from lsr.encoders.query_table import read_query_table
from lsr.errors import UnsupportedModelError

TOKENS = ["[CLS]", "water", "ocean", "the", "##s"]
EXPECTED = [0.0, 2.5, 4.0, 0.0, 1.25]


def json_table(folder: Path, weights: Any) -> Path:
    (folder / "idf.json").write_text(json.dumps(weights))
    return folder / "idf.json"


def test_a_table_of_any_kind_gives_the_weight_of_every_term(tmp_path: Path) -> None:
    named = {"[CLS]": 1.0, "##s": 1.25, "ocean": 4, "water": 2.5}
    lines = tmp_path / "query_token_weights.txt"
    lines.write_text("".join(f"{token}\t{weight}\n" for token, weight in named.items()))
    tensor = tmp_path / "model.safetensors"
    save_file({"weight": np.array([1.0, 2.5, 4.0, 0.0, 1.25], np.float32)}, tensor)

    for file in (json_table(tmp_path, named), lines, tensor):
        assert read_query_table(file, TOKENS, [0]).tolist() == EXPECTED


def test_no_weight_is_below_zero(tmp_path: Path) -> None:
    assert (
        read_query_table(json_table(tmp_path, {"the": -1.0, "ocean": 1.0}), TOKENS, []).min() == 0
    )


def test_a_tensor_may_leave_out_the_last_terms(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    save_file({"weight": np.array([0.0, 2.0], np.float32)}, file)

    assert read_query_table(file, TOKENS, []).tolist() == [0.0, 2.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("name", ["other", "weight"])
def test_a_tensor_of_another_name_or_size_is_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / "model.safetensors"
    save_file({name: np.ones(6, np.float32)}, file)

    with pytest.raises(UnsupportedModelError, match="one number for each of the model's 5"):
        read_query_table(file, TOKENS, [])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"wasser": 1.0}, "names none of the model's 5 tokens"),
        ({}, "names none of"),
        ({"water": "2.5"}, "gives 'water' the weight '2.5'"),
        ({"water": float("nan")}, "NaN or infinite"),
        ([1.0], "must hold an object"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(tmp_path: Path, weights: Any, message: str) -> None:
    with pytest.raises(UnsupportedModelError, match=message):
        read_query_table(json_table(tmp_path, weights), TOKENS, [])


@pytest.mark.parametrize("line", ["water", "water\tmuch"])
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "query_token_weights.txt"
    file.write_text(f"ocean\t1.0\n\n{line}\n")

    with pytest.raises(UnsupportedModelError, match=r"weights\.txt:3 is 'water"):
        read_query_table(file, TOKENS, [])


def test_tokens_of_another_vocabulary_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        read_query_table(json_table(tmp_path, {"water": 1.0, "wasser": 1.0}), TOKENS, [])

    assert "weights 1 tokens that the model does not have" in caplog.text
