"""Adapters as peft saves them, against W + (alpha / r) B A."""

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsr.encoders import Backend, Encoder, Precision, load_encoder
from lsr.errors import ModelNotFoundError, UnsupportedModelError
from tiny_decoders import save_tiny_decoder
from tiny_models import save_tiny_model

TEXTS = ["sparse retrieval", "water of the island"]


def save_adapter(folder: Path, base: Path, modules: list[str], **options: Any) -> dict[str, Any]:
    """Save a random adapter, and return the base's weights as it changes them."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

    is_causal = "CausalLM" in (base / "config.json").read_text()
    kind: Any = AutoModelForCausalLM if is_causal else AutoModelForMaskedLM
    model = kind.from_pretrained(base)
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    settings = LoraConfig(r=2, lora_alpha=3, target_modules=modules, **options)
    with warnings.catch_warnings(action="ignore", category=FutureWarning):  # of peft's own making
        adapted = get_peft_model(model, settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:  # zeros at first, which would change nothing
                torch.nn.init.normal_(parameter, std=0.3)
    adapted.save_pretrained(folder)
    lora = {name: tensor.detach() for name, tensor in adapted.named_parameters() if "lora" in name}
    for name, down in lora.items():
        if "lora_A" in name:
            place = name.removeprefix("base_model.model.").replace("lora_A.default.", "")
            weights[place] = weights[place] + 3 / 2 * lora[name.replace("_A.", "_B.")] @ down
    return weights


def save_merged(folder: Path, base: Path, weights: dict[str, Any]) -> Path:
    from safetensors.torch import save_file

    shutil.copytree(base, folder)
    stored = {name: tensor.contiguous().clone() for name, tensor in weights.items()}
    save_file(stored, folder / "model.safetensors", {"format": "pt"})
    return folder


def vectors(encoder: Encoder) -> np.ndarray:
    dense: np.ndarray = encoder.encode_documents(TEXTS).to_scipy().toarray()
    return dense


def test_an_adapter_of_a_decoder_is_merged_into_its_base(tmp_path: Path) -> None:
    base = save_tiny_decoder(tmp_path / "base")
    weights = save_adapter(tmp_path / "adapter", base, ["q_proj", "v_proj", "down_proj"])
    merged = save_merged(tmp_path / "merged", base, weights)

    adapted, expected, plain = (
        vectors(load_encoder(str(one), method="echo-splade", precision=Precision.FLOAT32))
        for one in (tmp_path / "adapter", merged, base)
    )

    np.testing.assert_allclose(adapted, expected, atol=1e-5)
    assert np.abs(adapted - plain).max() > 0.1


def test_an_adapter_of_a_masked_model_runs_on_torch(tmp_path: Path) -> None:
    base = save_tiny_model(tmp_path / "base")
    weights = save_adapter(tmp_path / "adapter", base, ["query", "value"])
    merged = save_merged(tmp_path / "merged", base, weights)

    adapted, expected = (
        vectors(load_encoder(str(one), precision=Precision.FLOAT32, backend=Backend.TORCH))
        for one in (tmp_path / "adapter", merged)
    )

    np.testing.assert_allclose(adapted, expected, atol=1e-5)
    with pytest.raises(UnsupportedModelError, match="it has an adapter; use the torch backend"):
        load_encoder(str(tmp_path / "adapter"), backend=Backend.NATIVE)


def test_the_base_may_lie_beside_the_adapter(tmp_path: Path) -> None:
    save_adapter(tmp_path / "adapter", save_tiny_decoder(tmp_path / "base"), ["q_proj"])
    say(tmp_path / "adapter", base_model_name_or_path="../base")

    load_encoder(str(tmp_path / "adapter"), method="causal-splade")


def say(folder: Path, **values: object) -> None:
    file = folder / "adapter_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"peft_type": "IA3"}, "an adapter of type 'IA3', but only LORA can be merged"),
        ({"base_model_name_or_path": None}, "does not name its base model"),
    ],
)
def test_an_adapter_that_cannot_be_merged_is_refused(
    tmp_path: Path, values: dict[str, object], message: str
) -> None:
    save_adapter(tmp_path / "adapter", save_tiny_decoder(tmp_path / "base"), ["q_proj"])
    say(tmp_path / "adapter", **values)

    with pytest.raises(UnsupportedModelError, match=message):
        load_encoder(str(tmp_path / "adapter"), method="causal-splade")


def test_a_base_that_is_gone_is_named(tmp_path: Path) -> None:
    save_adapter(tmp_path / "adapter", save_tiny_decoder(tmp_path / "base"), ["q_proj"])
    shutil.rmtree(tmp_path / "base")

    with pytest.raises(ModelNotFoundError, match="which was not found; write there where it is"):
        load_encoder(str(tmp_path / "adapter"), method="causal-splade")


def test_an_adapter_whose_weights_are_pickled_is_refused(tmp_path: Path) -> None:
    save_adapter(tmp_path / "adapter", save_tiny_decoder(tmp_path / "base"), ["q_proj"])
    weights = tmp_path / "adapter" / "adapter_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))

    with pytest.raises(UnsupportedModelError, match=r"adapter_model\.bin can hold code"):
        load_encoder(str(tmp_path / "adapter"), method="causal-splade")


def test_an_adapter_that_lacks_tensors_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    save_adapter(tmp_path / "adapter", save_tiny_decoder(tmp_path / "base"), ["q_proj"])
    file = tmp_path / "adapter" / "adapter_model.safetensors"
    tensors = load_file(file)
    tensors.pop(next(iter(tensors)))
    save_file(tensors, file)

    with pytest.raises(UnsupportedModelError, match="cannot be merged into its base model"):
        load_encoder(str(tmp_path / "adapter"), method="causal-splade")


def test_an_adapter_of_another_model_is_refused(tmp_path: Path) -> None:
    save_adapter(tmp_path / "adapter", save_tiny_decoder(tmp_path / "base"), ["q_proj"])
    say(tmp_path / "adapter", base_model_name_or_path=str(save_tiny_model(tmp_path / "bert")))

    with pytest.raises(UnsupportedModelError, match="cannot be merged into its base model"):
        load_encoder(str(tmp_path / "adapter"), precision=Precision.FLOAT32)
