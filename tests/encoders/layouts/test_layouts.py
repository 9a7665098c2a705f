import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lsr.encoders.layouts import check_checkpoint
from lsr.errors import ModelNotFoundError, UnsupportedModelError
from tiny_models import ROUTES, add_router

Copy = Callable[[], Path]
MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {
        "idx": 1,
        "name": "1",
        "path": "1_SpladePooling",
        "type": "sentence_transformers.sparse_encoder.models.SpladePooling",
    },
]


def change_config(folder: Path, **changes: Any) -> Path:
    file = folder / "config.json"
    config = {**json.loads(file.read_text()), **changes}
    file.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))
    return folder


def add_modules(folder: Path, modules: Any, pooling: Any = None) -> Path:
    (folder / "modules.json").write_text(json.dumps(modules))
    if pooling is not None:
        (folder / "1_SpladePooling").mkdir()
        (folder / "1_SpladePooling" / "config.json").write_text(json.dumps(pooling))
    return folder


def refusal(folder: Path) -> str:
    with pytest.raises((ModelNotFoundError, UnsupportedModelError)) as caught:
        check_checkpoint(folder)
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    return message


def test_a_plain_masked_language_model_passes(tiny_models: dict[str, Path]) -> None:
    checkpoint = check_checkpoint(tiny_models["bert"])

    tower = checkpoint.documents
    assert (tower.folder, tower.model_type) == (tiny_models["bert"], "bert")
    assert checkpoint.queries == tower


@pytest.mark.parametrize("package", ["models", "base.modules.transformer", "modules.file"])
@pytest.mark.parametrize("first", ["Transformer", "MLMTransformer"])
def test_the_sentence_transformers_layout_passes_in_every_spelling(
    spoilt_copy: Copy, package: str, first: str
) -> None:
    modules = [
        {**MODULES[0], "type": f"sentence_transformers.{package}.{first}"},
        {**MODULES[1], "type": f"sentence_transformers.{package}.SpladePooling"},
    ]
    pooling = {"pooling_strategy": "max", "activation_function": "relu"}

    check_checkpoint(add_modules(spoilt_copy(), modules, pooling))


def test_an_empty_folder(tmp_path: Path) -> None:
    assert "holds no config.json" in refusal(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", "null", b"\xff\xfe"])
def test_a_broken_config(spoilt_copy: Copy, content: str | bytes) -> None:
    folder = spoilt_copy()
    raw = content if isinstance(content, bytes) else content.encode()
    (folder / "config.json").write_bytes(raw)

    assert "config.json" in refusal(folder)


def test_no_weights_at_all(spoilt_copy: Copy) -> None:
    folder = spoilt_copy()
    (folder / "model.safetensors").unlink()

    assert "holds no *.safetensors weights" in refusal(folder)


def test_pickled_weights_are_named_and_not_loaded(spoilt_copy: Copy) -> None:
    folder = spoilt_copy()
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")

    message = refusal(folder)

    assert "pytorch_model.bin can hold code and is never loaded" in message
    assert "save_pretrained" in message


@pytest.mark.parametrize(
    ("architectures", "named"),
    [(["LlamaForCausalLM"], "LlamaForCausalLM"), (["BertModel"], "BertModel"), (None, "none")],
)
def test_other_architectures_are_named(
    spoilt_copy: Copy, architectures: list[str] | None, named: str
) -> None:
    folder = change_config(spoilt_copy(), architectures=architectures)

    assert f"names the architecture {named}" in refusal(folder)


@pytest.mark.parametrize(
    ("pooling", "value"),
    [
        ({"pooling_strategy": "sum", "activation_function": "relu"}, "'sum'"),
        ({"pooling_strategy": "max", "activation_function": "log1p_relu"}, "'log1p_relu'"),
    ],
)
def test_another_formula_is_refused_by_name(
    spoilt_copy: Copy, pooling: dict[str, str], value: str
) -> None:
    assert value in refusal(add_modules(spoilt_copy(), MODULES, pooling))


@pytest.mark.parametrize(
    ("modules", "named"),
    [
        ([{"type": "sentence_transformers.models.Router", "path": ""}], "names a router, but"),
        ([MODULES[1], MODULES[0]], "SpladePooling + Transformer"),
        (
            [MODULES[0], {"type": "sentence_transformers.models.Pooling", "path": "1"}],
            "Transformer + Pooling",
        ),
        ([], "describes nothing"),
        (["Transformer"], r"describes ?"),
        ({}, "must hold a list"),
    ],
)
def test_other_module_layouts_are_refused_by_name(
    spoilt_copy: Copy, modules: Any, named: str
) -> None:
    assert named in refusal(add_modules(spoilt_copy(), modules))


def test_a_pooling_that_is_named_but_absent(spoilt_copy: Copy) -> None:
    assert "which does not exist" in refusal(add_modules(spoilt_copy(), MODULES))


def test_prompts_would_change_every_vector(spoilt_copy: Copy) -> None:
    folder = add_modules(spoilt_copy(), MODULES, pooling={})
    file = folder / "config_sentence_transformers.json"
    file.write_text(json.dumps({"prompts": {"query": "", "document": ""}}))
    check_checkpoint(folder)

    file.write_text(json.dumps({"prompts": {"query": "search: ", "document": ""}}))

    assert "search: " in refusal(folder)


@pytest.mark.parametrize("name", ["idf.json", "query_token_weights.txt"])
def test_a_table_of_query_weights_is_found(spoilt_copy: Copy, name: str) -> None:
    folder = spoilt_copy()
    (folder / name).write_text("{}")

    assert check_checkpoint(folder).queries.table == folder / name


def test_a_transformer_in_a_folder_of_its_own_is_found(spoilt_copy: Copy) -> None:
    folder = spoilt_copy()
    shutil.copytree(folder, folder.parent / "0_Transformer")
    (folder.parent / "0_Transformer").rename(folder / "0_Transformer")
    (folder / "config.json").unlink()
    modules = [{**MODULES[0], "path": "0_Transformer"}, MODULES[1]]

    found = check_checkpoint(add_modules(folder, modules, pooling={}))

    assert found.documents.folder == folder / "0_Transformer"


def test_a_router_says_what_weights_queries_and_what_documents(spoilt_copy: Copy) -> None:
    folder = add_router(spoilt_copy(), ROUTES)
    table = folder / "query_0" / "model.safetensors"
    table.touch()

    found = check_checkpoint(folder)

    assert (found.documents.folder, found.queries.table) == (folder, table)


def test_a_router_may_name_a_file_of_weights(spoilt_copy: Copy) -> None:
    folder = add_router(spoilt_copy(), ROUTES)
    (folder / "query_0" / "config.json").write_text('{"path": "idf.json"}')
    (folder / "query_0" / "idf.json").write_text("{}")

    assert check_checkpoint(folder).queries.table == folder / "query_0" / "idf.json"


@pytest.mark.parametrize(
    ("structure", "named"),
    [
        ({**ROUTES, "query": ["", "document_1"]}, "routes queries to MLMTransformer + Splade"),
        ({**ROUTES, "query": []}, "routes queries to nothing"),
        ({"query": ["query_0"]}, "describes nothing"),
        ({**ROUTES, "document": ["document_1"]}, "describes SpladePooling"),
        (ROUTES, "holds no model.safetensors with the weights of query terms"),
        ("query_0", "must hold the objects 'types' and 'structure'"),
    ],
)
def test_other_routes_are_refused_by_name(
    spoilt_copy: Copy, structure: dict[str, list[str]], named: str
) -> None:
    assert named in refusal(add_router(spoilt_copy(), structure))


def test_an_adapter_is_refused(spoilt_copy: Copy) -> None:
    folder = spoilt_copy()
    (folder / "adapter_config.json").write_text("{}")

    assert "merge it into its base model" in refusal(folder)


def test_a_model_without_tokenizer(spoilt_copy: Copy) -> None:
    folder = spoilt_copy()
    (folder / "tokenizer.json").unlink()

    assert "holds no tokenizer" in refusal(folder)
