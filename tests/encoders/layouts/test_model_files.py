import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Copy = Callable[[], Path]
Refusal = Callable[[Path], str]


def change_config(folder: Path, **changes: Any) -> Path:
    file = folder / "config.json"
    config = {**json.loads(file.read_text()), **changes}
    file.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))
    return folder


def test_an_empty_folder(tmp_path: Path, refusal: Refusal) -> None:
    assert "holds no config.json" in refusal(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", "null", b"\xff\xfe"])
def test_a_broken_config(spoilt_copy: Copy, refusal: Refusal, content: str | bytes) -> None:
    folder = spoilt_copy()
    raw = content if isinstance(content, bytes) else content.encode()
    (folder / "config.json").write_bytes(raw)

    assert "config.json" in refusal(folder)


def test_no_weights_at_all(spoilt_copy: Copy, refusal: Refusal) -> None:
    folder = spoilt_copy()
    (folder / "model.safetensors").unlink()

    assert "holds no *.safetensors weights" in refusal(folder)


def test_pickled_weights_are_named_and_not_loaded(spoilt_copy: Copy, refusal: Refusal) -> None:
    folder = spoilt_copy()
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")

    message = refusal(folder)

    assert "pytorch_model.bin can hold code and is never loaded" in message
    assert "save_pretrained" in message


@pytest.mark.parametrize(
    ("architecture", "reason"),
    [
        ("BertForSequenceClassification", "scores texts, not terms"),
        ("BertModel", "saved without its head over the vocabulary"),
        ("T5ForConditionalGeneration", "masked-language model (...ForMaskedLM)."),
    ],
)
def test_other_architectures_are_named_with_what_they_lack(
    spoilt_copy: Copy, refusal: Refusal, architecture: str, reason: str
) -> None:
    message = refusal(change_config(spoilt_copy(), architectures=[architecture]))

    assert f"names the architecture {architecture}" in message
    assert reason in message


def test_no_architecture(spoilt_copy: Copy, refusal: Refusal) -> None:
    folder = change_config(spoilt_copy(), architectures=None)

    assert "names the architecture none" in refusal(folder)


def test_an_adapter_beside_a_model_is_refused(spoilt_copy: Copy, refusal: Refusal) -> None:
    folder = spoilt_copy()
    (folder / "adapter_config.json").write_text("{}")

    assert "holds both a model (config.json) and an adapter" in refusal(folder)


def test_a_model_without_tokenizer(spoilt_copy: Copy, refusal: Refusal) -> None:
    folder = spoilt_copy()
    (folder / "tokenizer.json").unlink()

    assert "holds no tokenizer" in refusal(folder)
