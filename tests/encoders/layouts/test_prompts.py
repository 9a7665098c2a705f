import json
from pathlib import Path
from typing import Any

import pytest

from lsr.encoders.layouts.prompts import Prompts, read_prompts
from lsr.errors import UnsupportedModelError


def with_config(folder: Path, **config: Any) -> Path:
    (folder / "config_sentence_transformers.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, Prompts()),
        ({"prompts": None}, Prompts()),
        ({"prompts": {"query": "q: ", "document": "d: "}}, Prompts("q: ", "d: ")),
        ({"prompts": {"query": "q: ", "document": None}}, Prompts("q: ", "")),
        ({"prompts": {"query": "q: "}}, Prompts("q: ", "")),
        ({"prompts": {"sts": "s: "}}, Prompts()),
        ({"prompts": {"passage": "", "query": ""}}, Prompts()),
        (
            {"prompts": {"query": "", "document": "d: ", "passage": "p: "}},
            Prompts("", "d: "),
        ),
        (
            {"prompts": {"query": "q: ", "document": ""}, "default_prompt_name": "query"},
            Prompts("q: ", ""),
        ),
    ],
)
def test_prompts_are_those_of_queries_and_documents(
    tmp_path: Path, config: dict[str, Any], expected: Prompts
) -> None:
    assert read_prompts(with_config(tmp_path, **config)) == expected


def test_a_model_without_the_file_has_none(tmp_path: Path) -> None:
    assert read_prompts(tmp_path) == Prompts()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"prompts": {"passage": "p: "}}, r"a prompt 'passage' \('p: '\) but none named 'docum"),
        (
            {"prompts": {"sts": "s: "}, "default_prompt_name": "sts"},
            r"makes 'sts' \('s: '\) the prompt of all texts but has none named 'query'",
        ),
        (
            {"prompts": {"query": "q: "}, "default_prompt_name": "query"},
            "unclear what stands before each document; add 'document' to its prompts",
        ),
        ({"prompts": ["q: "]}, "must hold the object 'prompts'"),
    ],
)
def test_what_versions_read_differently_is_refused(
    tmp_path: Path, config: dict[str, Any], message: str
) -> None:
    with pytest.raises(UnsupportedModelError, match=message):
        read_prompts(with_config(tmp_path, **config))
