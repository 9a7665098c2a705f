import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lsr.encoders.layouts import check_checkpoint
from lsr.encoders.method import Pooling, VocabularyWeighting

Copy = Callable[[], Path]
Refusal = Callable[[Path], str]
PACKAGES = [
    "sentence_transformers.models",
    "sentence_transformers.sparse_encoder.models",
    "sentence_transformers.sparse_encoder.modules.file",
    "sentence_transformers.base.modules.file",
]
NETWORK = {"path": "", "type": "sentence_transformers.models.MLMTransformer"}
POOLING = {"path": "1_SpladePooling", "type": "sentence_transformers.models.SpladePooling"}


def add_modules(folder: Path, modules: Any, pooling: Any = None) -> Path:
    (folder / "modules.json").write_text(json.dumps(modules))
    if pooling is not None:
        (folder / "1_SpladePooling").mkdir()
        (folder / "1_SpladePooling" / "config.json").write_text(json.dumps(pooling))
    return folder


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("first", ["Transformer", "MLMTransformer"])
def test_classes_pass_in_every_package(spoilt_copy: Copy, package: str, first: str) -> None:
    modules = [
        {**NETWORK, "type": f"{package}.{first}"},
        {**POOLING, "type": f"{package}.SpladePooling"},
    ]
    folder = add_modules(spoilt_copy(), modules, {"pooling_strategy": "sum"})
    (folder / "sentence_bert_config.json").write_text('{"transformer_task": "fill-mask"}')

    side = check_checkpoint(folder).documents.side

    assert side.weighting == VocabularyWeighting(pooling=Pooling.SUM)


@pytest.mark.parametrize("task", ['{"transformer_task": "feature-extraction"}', "{}"])
def test_a_transformer_whose_output_is_no_logits(
    spoilt_copy: Copy, refusal: Refusal, task: str
) -> None:
    transformer = {**NETWORK, "type": "sentence_transformers.models.Transformer"}
    folder = add_modules(spoilt_copy(), [transformer, POOLING], {})
    (folder / "sentence_bert_config.json").write_text(task)

    assert "needs the logits of 'fill-mask'" in refusal(folder)


@pytest.mark.parametrize(
    ("key", "value", "known"),
    [
        ("pooling_strategy", "mean", "max, sum"),
        ("pooling_strategy", ["max"], "max, sum"),
        ("activation_function", "softplus", "relu, log1p_relu"),
    ],
)
def test_another_formula_is_refused_by_name(
    spoilt_copy: Copy, refusal: Refusal, key: str, value: Any, known: str
) -> None:
    message = refusal(add_modules(spoilt_copy(), [NETWORK, POOLING], {key: value}))

    assert f"sets {key} to {value!r}, but this version runs only {known}" in message


@pytest.mark.parametrize("key", ["do_lower_case", "query_length", "query_expansion"])
def test_options_that_would_change_the_input(spoilt_copy: Copy, refusal: Refusal, key: str) -> None:
    folder = add_modules(spoilt_copy(), [NETWORK, POOLING], {})
    (folder / "sentence_bert_config.json").write_text(json.dumps({key: 1}))

    assert f"sets {key} to 1, which this version does not know" in refusal(folder)


def other(*kinds: str) -> list[dict[str, str]]:
    return [{"path": "", "type": f"sentence_transformers.models.{kind}"} for kind in kinds]


@pytest.mark.parametrize(
    ("modules", "named"),
    [
        ([POOLING, NETWORK], "SpladePooling + MLMTransformer"),
        (other("Transformer", "Pooling", "Normalize"), "one dense vector of a text"),
        (other("Transformer", "Pooling", "SparseAutoEncoder"), "latent features in place of terms"),
        (other("Transformer", "Dense"), "describes Transformer + Dense, but"),
        ([], "describes nothing"),
        (["Transformer"], "describes ?"),
        ({}, "must hold a list"),
        ([{**NETWORK, "path": "/etc"}, POOLING], "leaves the model's folder"),
    ],
)
def test_other_modules_are_refused_by_name(
    spoilt_copy: Copy, refusal: Refusal, modules: Any, named: str
) -> None:
    assert named in refusal(add_modules(spoilt_copy(), modules))


def test_a_pooling_that_is_named_but_absent(spoilt_copy: Copy, refusal: Refusal) -> None:
    assert "which does not exist" in refusal(add_modules(spoilt_copy(), [NETWORK, POOLING]))


def test_a_transformer_in_a_folder_of_its_own_is_found(spoilt_copy: Copy) -> None:
    folder = spoilt_copy()
    shutil.copytree(folder, folder.parent / "aside")
    (folder.parent / "aside").rename(folder / "0_Transformer")
    (folder / "config.json").unlink()
    modules = [{**NETWORK, "path": "0_Transformer"}, POOLING]

    found = check_checkpoint(add_modules(folder, modules, pooling={}))

    assert found.documents.folder == folder / "0_Transformer"


@pytest.mark.parametrize(
    ("length", "expected"), [(512, 512), (int(1e30), None), (None, None), ("x", None)]
)
def test_the_tokenizer_says_how_long_texts_are_if_it_says_so(
    spoilt_copy: Copy, length: object, expected: int | None
) -> None:
    folder = add_modules(spoilt_copy(), [NETWORK, POOLING], {})
    file = folder / "tokenizer_config.json"
    file.write_text(json.dumps({"model_max_length": length}))

    assert check_checkpoint(folder).documents.max_length == expected
