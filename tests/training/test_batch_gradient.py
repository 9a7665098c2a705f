"""The gradient of a batch does not change with how it is cut up."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch

from lsr.training.batch_gradient import BatchGradient, stream
from lsr.training.batches import Batches
from lsr.training.data import load_training_data
from lsr.training.model_loading import StartingModel, load_starting_model
from lsr.training.objective import Objective
from lsr.training.recipe import Recipe
from tiny_decoders import save_tiny_decoder

Make = Callable[..., Recipe]

ROUNDING = 2e-6
"""float32 gradients of size 1, whose sums are taken in another order; relative to the largest."""

CHANGES = {
    "schedule": {"batch": 32},
    "model": {"max_length": 24, "method": "splade-max"},
    "losses": [{"type": "contrastive"}],
    "documents": {"penalties": [{"type": "flops", "lambda": 3.0}], "ramp_steps": 8},
    "queries": {"penalties": [{"type": "l1", "lambda": 0.5}, {"type": "anti_zero", "lambda": 1}]},
}


def starting_model(recipe: Recipe, dropout: float = 0.0) -> StartingModel:
    start = load_starting_model(recipe.model, recipe.schedule.seed)
    for module in start.encoder.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = dropout
    return start


def gradients(recipe: Recipe, micro_batch: int | None, dropout: float = 0.0) -> torch.Tensor:
    """Return the gradient of all weights at the fifth step of a recipe, as one vector."""
    start = starting_model(recipe, dropout)
    start.encoder.train()
    data = load_training_data(recipe.data, "[SEP]")
    batches = Batches(
        data,
        start.query_texts,
        start.document_texts,
        n_steps=8,
        batch=recipe.schedule.batch,
        n_negatives=recipe.data.negatives_per_query,
        seed=0,
    )
    gradient = BatchGradient(
        start.encoder, Objective(recipe), micro_batch, 0, nullcontext, torch.Tensor.backward
    )
    gradient.compute(batches[4]["batch"], step=5)
    return torch.cat([one.grad.flatten() for one in start.encoder.parameters()])


def assert_equal(found: torch.Tensor, expected: torch.Tensor) -> None:
    largest = float(expected.abs().max())
    assert largest > 0.1
    np.testing.assert_allclose(found / largest, expected / largest, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("micro_batch", [16, 7, 1])
def test_a_batch_of_32_is_one_however_many_are_encoded_at_a_time(
    make_recipe: Make, micro_batch: int
) -> None:
    recipe = make_recipe(**CHANGES)

    assert_equal(gradients(recipe, micro_batch), gradients(recipe, None))


def test_dense_halves_have_a_gradient_of_their_own_however_they_are_cut(
    make_recipe: Make, tmp_path: Path
) -> None:
    prompted = {
        "model": {
            "start": str(save_tiny_decoder(tmp_path / "llama")),
            "method": "promptreps",
            "max_length": 250,
            "query_max_length": 250,
        },
        "schedule": {"batch": 4},
    }
    both = [{"type": "contrastive"}, {"type": "dense_contrastive", "temperature": 0.1}]

    sparse, dense, together, cut = (
        gradients(make_recipe(**prompted, losses=losses), micro_batch)
        for losses, micro_batch in ((both[:1], None), (both[1:], None), (both, None), (both, 3))
    )

    assert_equal(together, sparse + dense)
    assert_equal(cut, together)


def test_two_towers_and_a_teacher_are_cut_up_alike(make_recipe: Make, collection: Path) -> None:
    recipe = make_recipe(
        **{
            **CHANGES,
            "model": {"method": "distilsplade-sep"},
            "losses": [{"type": "kl"}, {"type": "margin_mse", "weight": 0.05}],
            "data": {"scores": [str(collection / "negatives.jsonl")]},
        }
    )

    assert_equal(gradients(recipe, 16), gradients(recipe, None))


def test_dropout_leaves_out_the_same_on_the_way_back(make_recipe: Make) -> None:
    recipe = make_recipe(**{**CHANGES, "schedule": {"batch": 4}})
    cached = gradients(recipe, 2, dropout=0.5)

    torch.manual_seed(99)  # whatever was drawn before changes nothing

    assert torch.equal(cached, gradients(recipe, 2, dropout=0.5))
    assert not torch.equal(cached, gradients(recipe, 2, dropout=0.0))


def test_the_gradient_is_that_of_the_objective(make_recipe: Make) -> None:
    """Moving the weights against the gradient lowers the objective as much as it says."""
    recipe = make_recipe(**{**CHANGES, "schedule": {"batch": 8}})
    start = starting_model(recipe)
    start.encoder.double()
    data = load_training_data(recipe.data, "[SEP]")
    batches = Batches(
        data, start.query_texts, start.document_texts, n_steps=1, batch=8, n_negatives=2, seed=0
    )
    batch = batches[0]["batch"]

    def value(step_size: float) -> float:
        with torch.no_grad():
            for weight, slope in zip(weights, slopes, strict=True):
                weight.add_(slope, alpha=step_size)
        result = gradient.compute(batch, 9)
        with torch.no_grad():
            for weight, slope in zip(weights, slopes, strict=True):
                weight.add_(slope, alpha=-step_size)
        return float(torch.stack(list(result.parts.values())).sum())

    gradient = BatchGradient(
        start.encoder, Objective(recipe), None, 0, nullcontext, torch.Tensor.backward
    )
    gradient.compute(batch, 9)
    weights = list(start.encoder.parameters())
    slopes = [one.grad.clone() for one in weights]
    expected = sum(float(one.square().sum()) for one in slopes)

    found = (value(1e-7) - value(-1e-7)) / 2e-7

    # Vectors are float32 between the towers and the objective, so this is a coarse look only.
    assert found == pytest.approx(expected, rel=0.02)


PROCESS = """
import json, sys, torch
from contextlib import nullcontext
sys.path.insert(0, {tests!r})
from lsr.training.recipe_file import recipe_of
from lsr.training.batch_gradient import BatchGradient
from lsr.training.batches import Batches
from lsr.training.data import load_training_data
from lsr.training.model_loading import load_starting_model
from lsr.training.objective import Objective
torch.set_num_threads(1)
torch.distributed.init_process_group("gloo")
rank = torch.distributed.get_rank()
recipe = recipe_of(json.load(open({recipe!r})), "recipe")
start = load_starting_model(recipe.model, 0)
for module in start.encoder.modules():
    if isinstance(module, torch.nn.Dropout):
        module.p = 0.0
batches = Batches(load_training_data(recipe.data, "[SEP]"), start.query_texts, start.document_texts,
                  n_steps=8, batch=32, n_negatives=2, seed=0, process=rank, n_processes=2)
gradient = BatchGradient(start.encoder, Objective(recipe), {micro}, 0, nullcontext,
                         torch.Tensor.backward)
gradient.compute(batches[4]["batch"], step=5)
found = torch.cat([one.grad.flatten() for one in start.encoder.parameters()])
torch.save(found, {output!r} + str(rank))
torch.distributed.destroy_process_group()
"""


@pytest.mark.slow
@pytest.mark.parametrize("micro_batch", [None, 8])
def test_a_batch_of_32_is_one_on_two_processes(
    make_recipe: Make, tmp_path: Path, micro_batch: int | None
) -> None:
    import msgspec

    recipe = make_recipe(**CHANGES)
    file = tmp_path / "recipe.json"
    file.write_bytes(msgspec.json.encode(recipe))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = PROCESS.format(
        tests=str(Path(__file__).parents[1] / "support"),
        recipe=str(file),
        micro=micro_batch,
        output=str(tmp_path / "gradient"),
    )
    environment = {
        **os.environ,
        **{"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"},
    }
    processes = [
        subprocess.Popen([sys.executable, "-c", code], env={**environment, "RANK": str(rank)})
        for rank in range(2)
    ]
    assert [process.wait(timeout=300) for process in processes] == [0, 0]

    expected = gradients(recipe, None)
    for rank in range(2):
        assert_equal(torch.load(tmp_path / f"gradient{rank}", weights_only=True), expected)


def test_streams_of_other_numbers_are_others() -> None:
    seeds = {stream(*numbers) for numbers in [(0,), (1,), (0, 1), (1, 0), (0, 2, 1), (0, 21)]}

    assert len(seeds) == 6
    assert json.loads(json.dumps(stream(1, 2))) == stream(1, 2) < 2**63
