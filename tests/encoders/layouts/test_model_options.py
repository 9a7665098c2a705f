import json
from pathlib import Path
from typing import Any

import pytest

from lsr.encoders.layouts.model_options import ModelOptions, read_model_options
from lsr.errors import UnsupportedModelError


def with_config(folder: Path, **config: Any) -> Path:
    (folder / "config_sentence_transformers.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, ModelOptions()),
        ({"prompts": None}, ModelOptions()),
        ({"prompts": {"query": "q: ", "document": "d: "}}, ModelOptions("q: ", "d: ")),
        ({"prompts": {"query": "q: ", "document": None}}, ModelOptions("q: ", "")),
        ({"prompts": {"query": "q: "}}, ModelOptions("q: ", "")),
        ({"prompts": {"sts": "s: "}}, ModelOptions()),
        ({"similarity_fn_name": "dot"}, ModelOptions()),
        ({"max_active_dims": 9}, ModelOptions(prune="top_k:9")),
        ({"prompts": {"passage": "", "query": ""}}, ModelOptions()),
        (
            {"prompts": {"query": "", "document": "d: ", "passage": "p: "}},
            ModelOptions("", "d: "),
        ),
        (
            {"prompts": {"query": "q: ", "document": ""}, "default_prompt_name": "query"},
            ModelOptions("q: ", ""),
        ),
    ],
)
def test_options_are_those_of_queries_and_documents(
    tmp_path: Path, config: dict[str, Any], expected: ModelOptions
) -> None:
    assert read_model_options(with_config(tmp_path, **config)) == expected


def test_a_model_without_the_file_has_none(tmp_path: Path) -> None:
    assert read_model_options(tmp_path) == ModelOptions()


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
        ({"similarity_fn_name": "cosine"}, "compares vectors by 'cosine', but this version only"),
        ({"max_active_dims": 0}, "sets max_active_dims to 0; write 1 or more"),
        ({"max_active_dims": "9"}, "sets max_active_dims to '9'"),
    ],
)
def test_what_is_unclear_or_unknown_is_refused(
    tmp_path: Path, config: dict[str, Any], message: str
) -> None:
    with pytest.raises(UnsupportedModelError, match=message):
        read_model_options(with_config(tmp_path, **config))
