from pathlib import Path

import pytest

from lsr.compression import Method, Recipe
from lsr.compression.applying import apply_recipe, model_files
from lsr.compression.recipe import Layers
from lsr.compression.work import work_left
from tiny_models import save_tiny_model


def test_half_of_the_layers_is_half_of_their_multiply_adds(tmp_path: Path) -> None:
    model = str(save_tiny_model(tmp_path / "model", seed=1))
    layers = Layers(method=Method.RANDOM, sparsity=0.5, corrects_bias=False)

    folder = apply_recipe(Recipe(model=model, layers=layers), tmp_path / "half").folder

    config = model_files(model).config
    size, inner = config["hidden_size"], config["intermediate_size"]
    body = config["num_hidden_layers"] * (4 * size * size + 2 * size * inner)
    whole = body + size * size + size * config["vocab_size"]
    assert work_left(model_files(model)) == 1
    assert work_left(model_files(str(folder))) == pytest.approx(1 - 0.5 * body / whole)
