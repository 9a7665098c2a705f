"""Decoders, beside what transformers computes and masks of few lines."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsr.compression import Method, Recentring, Recipe, Structure
from lsr.compression.applying import apply_recipe
from lsr.compression.recipe import Calibration, Layers, Vocabulary
from lsr.encoders import Precision, load_encoder
from lsr.errors import ConfigError, UnsupportedModelError
from tiny_decoders import save_tiny_decoder
from tiny_models import WORDS


def texts() -> list[str]:
    random = np.random.default_rng(1)
    return [" ".join(random.choice(WORDS, 20)) for _ in range(20)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_decoder(tmp_path_factory.mktemp("models") / "tiny", tied=True, seed=1)


@pytest.fixture
def calibration(tmp_path: Path) -> Calibration:
    lines = [json.dumps({"id": str(n), "text": text}) for n, text in enumerate(texts())]
    (tmp_path / "texts.jsonl").write_text("\n".join(lines))
    return Calibration(documents=str(tmp_path / "texts.jsonl"))


def opened(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder).eval()


def token_ids(folder: Path) -> list[Any]:
    import torch
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    return [torch.tensor([tokenizer(text).input_ids]) for text in texts()]


def matrices(model: Any) -> dict[str, Any]:
    import torch

    layers = model.model.layers.named_modules()
    return {name: part for name, part in layers if isinstance(part, torch.nn.Linear)}


def test_the_last_layers_go_and_the_others_say_what_they_said(
    model: Path, calibration: Calibration, tmp_path: Path
) -> None:
    import torch

    recipe = Recipe(model=str(model), calibration=calibration, structure=Structure(layers=1))

    applied = apply_recipe(recipe, tmp_path / "small")

    whole, small = opened(model), opened(applied.folder)
    assert small.config.num_hidden_layers == 1
    assert applied.structure["layers"] == [1]
    del whole.model.layers[1]
    with torch.inference_mode():
        for ids in token_ids(model):
            assert torch.equal(small(ids).logits, whole(ids).logits)


def test_wanda_removes_what_counts_least_of_what_comes_out_of_pruned_layers(
    model: Path, calibration: Calibration, tmp_path: Path
) -> None:
    import torch

    layers = Layers(method=Method.WANDA, pattern="unstructured", sparsity=0.5)
    applied = apply_recipe(
        Recipe(model=str(model), calibration=calibration, layers=layers), tmp_path / "small"
    )

    whole, found = opened(model), opened(applied.folder)
    assert len(applied.blocks) == 14
    squares: dict[str, Any] = {}
    for name, part in matrices(whole).items():

        def count(_: Any, x: Any, name: str = name) -> None:
            squares[name] = squares.get(name, 0) + x[0][0].double().square().sum(dim=0)

        part.register_forward_pre_hook(count)
    for number in range(2):  # each with the layers before it as they were pruned
        squares.clear()
        with torch.no_grad():
            for ids in token_ids(model):
                whole(ids)
        for name, part in matrices(whole).items():
            if name.startswith(f"{number}."):
                scores = part.weight.detach().double().square() * squares[name]
                smallest = scores.argsort(dim=1)[:, : scores.shape[1] // 2]
                expected = part.weight.detach().scatter(1, smallest, 0.0)
                assert torch.equal(matrices(found)[name].weight, expected)
                with torch.no_grad():
                    part.weight.copy_(expected)


def test_sparse_gpt_in_blocks_is_encoded_by(
    model: Path, calibration: Calibration, tmp_path: Path
) -> None:
    recipe = Recipe(model=str(model), calibration=calibration, layers=Layers(sparsity=0.5))

    applied = apply_recipe(recipe, tmp_path / "small")

    assert set(applied.blocks.values()) == {0.5}
    encoder = load_encoder(str(applied.folder), method="echo-splade", precision=Precision.FLOAT32)
    assert encoder.encode_documents(texts()).nnz > 0
    assert apply_recipe(recipe, tmp_path / "small") == replace(applied, was_there=True)


def test_an_interrupted_run_goes_on_to_the_same_model(
    model: Path, calibration: Calibration, tmp_path: Path
) -> None:
    import torch

    recipe = Recipe(model=str(model), calibration=calibration, layers=Layers(sparsity=0.5))
    whole = apply_recipe(recipe, tmp_path / "whole")
    steps: list[str] = []

    def interrupt(step: str) -> None:
        steps.append(step)
        if len(steps) > 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply_recipe(recipe, tmp_path / "small", on_step=interrupt)
    later: list[str] = []
    resumed = apply_recipe(recipe, tmp_path / "small", on_step=later.append)

    assert later == steps[1:]
    expected, found = opened(whole.folder).state_dict(), opened(resumed.folder).state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    assert not list(tmp_path.glob(".small*"))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"structure": Structure(heads=1)}, r"has structure.heads, which is for encoders"),
        ({"structure": Structure(layers=2)}, "removes 2 layers of a model of 2; leave at least"),
        ({"vocabulary": Vocabulary(documents="a.jsonl")}, r"has \[vocabulary\], which is for"),
        (
            {"structure": Structure(layers=1), "recentring": Recentring.TERMS},
            "has recentring, which is for encoders",
        ),
    ],
)
def test_what_is_for_encoders_is_refused(
    model: Path, calibration: Calibration, tmp_path: Path, parts: Any, message: str
) -> None:
    recipe = Recipe(model=str(model), calibration=calibration, **parts)

    with pytest.raises(ConfigError, match=message):
        apply_recipe(recipe, tmp_path / "small")


def test_a_decoder_of_another_kind_is_refused(calibration: Calibration, tmp_path: Path) -> None:
    folder = save_tiny_decoder(tmp_path / "qwen", "qwen2")
    recipe = Recipe(model=str(folder), calibration=calibration, layers=Layers(sparsity=0.5))

    with pytest.raises(UnsupportedModelError, match="its type is 'qwen2', but only whole models"):
        apply_recipe(recipe, tmp_path / "small")
