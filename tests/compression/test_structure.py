"""Parts that go whole, beside what transformers says of each part."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from lsr.compression import Recentring, Recipe, Structure
from lsr.compression.applying import apply_recipe, model_files
from lsr.compression.calibrated_network import CalibratedNetwork
from lsr.compression.recipe import Calibration, Layers, Vocabulary
from lsr.compression.texts import tokenized
from lsr.compression.work import work_left
from lsr.encoders import Backend, Precision, load_encoder
from lsr.encoders.compressed import FILE
from lsr.errors import ConfigError
from tiny_models import KINDS, WORDS, save_tiny_model

Arrays = dict[str, Any]


def texts(seed: int = 1, n_texts: int = 40) -> list[str]:
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(WORDS, 40)) for _ in range(n_texts)]


def recipe_of(model: Path, folder: Path, **parts: Any) -> Recipe:
    documents = folder / "texts.jsonl"
    lines = [json.dumps({"id": str(n), "text": text}) for n, text in enumerate(texts())]
    documents.write_text("\n".join(lines))
    return Recipe(model=str(model), calibration=Calibration(documents=str(documents)), **parts)


def dense_vectors(folder: Path, backend: Backend, precision: Precision) -> Any:
    encoder = load_encoder(str(folder), precision=precision, backend=backend)
    return encoder.encode_documents(texts(seed=2)).to_scipy()


def refuse_to_differ(folder: Path) -> None:
    ours, theirs = (
        dense_vectors(folder, one, Precision.FLOAT32) for one in (Backend.NATIVE, Backend.TORCH)
    )
    assert theirs.nnz > 0
    # float32 sums in another order, of logits of size 10.
    assert abs(ours - theirs).max() < 5e-5


def weights(folder: Path) -> Arrays:
    return load_file(folder / "model.safetensors")


def states(folder: Path) -> list[Any]:
    """Return the states of all tokens before the first layer and after each, by transformers."""
    import torch
    from transformers import AutoModelForMaskedLM

    network = AutoModelForMaskedLM.from_pretrained(folder).eval()
    found: list[list[Any]] = []
    with torch.inference_mode():
        for text in tokenized(model_files(str(folder)), texts()):
            ids = torch.tensor(text.ids[None].astype(np.int64))
            some = network(ids, output_hidden_states=True).hidden_states
            found.append([state[0].numpy() for state in some])
    return [np.concatenate(of_layer) for of_layer in zip(*found, strict=True)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two layers, the second of which changes less."""
    folder = save_tiny_model(tmp_path_factory.mktemp("models") / "tiny", "bert", seed=1)
    tensors = weights(folder)
    for name in tensors:
        if ".layer.1." in name and "output.dense" in name:
            tensors[name] *= 0.3
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_influence_is_one_minus_the_cosine_of_what_passes_a_layer(model: Path) -> None:
    files = model_files(str(model))
    network = CalibratedNetwork(files)

    influence, means = network.influence(tokenized(files, texts()))

    expected = [
        1
        - np.mean(
            [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in zip(*pair, strict=True)]
        )
        for pair in zip(states(model), states(model)[1:], strict=False)
    ]
    np.testing.assert_allclose(influence, expected, rtol=1e-4)  # float32 states
    np.testing.assert_allclose(means, [one.mean(axis=0) for one in states(model)], atol=1e-5)
    assert influence[1] < influence[0]


@pytest.mark.parametrize("kind", KINDS)
def test_every_part_goes_and_torch_gives_the_same_vectors(kind: str, tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path / "model", kind, seed=1)
    structure = Structure(layers=1, heads=1, neurons=0.5)

    applied = apply_recipe(recipe_of(folder, tmp_path, structure=structure), tmp_path / "small")

    config = json.loads((applied.folder / "config.json").read_text())
    sizes = (
        ("n_layers", "hidden_dim")
        if kind == "distilbert"
        else ("num_hidden_layers", "intermediate_size")
    )
    assert [config[name] for name in sizes] == [1, 16]
    assert [len(gone) for gone in applied.structure.values()] == [1, 1, 1]
    assert applied.structure["neurons"] == [16]
    assert set(applied.blocks.values()) == {0.5}
    assert len(applied.blocks) == 4  # of the layer that is left: query, key, value, out
    refuse_to_differ(applied.folder)
    # Bytes are an approximation; that they are one is enough to see which parts are there.
    exact, bytes_ = (
        dense_vectors(applied.folder, Backend.NATIVE, one).toarray()
        for one in (Precision.FLOAT32, Precision.INT8)
    )
    assert np.corrcoef(exact.reshape(-1), bytes_.reshape(-1))[0, 1] > 0.99


def test_the_layer_that_changes_least_goes_and_the_mean_of_its_change_stays(
    model: Path, tmp_path: Path
) -> None:
    recipe = recipe_of(model, tmp_path, structure=Structure(layers=1))

    applied = apply_recipe(recipe, tmp_path / "small")

    before, after = weights(model), weights(applied.folder)
    assert applied.structure["layers"] == [1]
    assert not [name for name in after if ".layer.1." in name]
    name = "bert.encoder.layer.0.output.LayerNorm.bias"
    one, two = (state.mean(axis=0) for state in states(model)[1:])
    np.testing.assert_allclose(after[name], before[name] + two - one, atol=1e-5)
    np.testing.assert_allclose(states(applied.folder)[1].mean(axis=0), two, atol=1e-5)
    others = set(after) - {name}
    assert all((after[other] == before[other]).all() for other in others)


def test_the_first_layer_can_go_and_the_other_is_numbered_anew(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path / "model", "bert", seed=1)
    tensors = weights(folder)
    for name in tensors:
        if ".layer.0." in name and "output.dense" in name:
            tensors[name] *= 0.3
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})

    applied = apply_recipe(
        recipe_of(folder, tmp_path, structure=Structure(layers=1)), tmp_path / "small"
    )

    assert applied.structure["layers"] == [0]
    name = "output.dense.weight"
    found = weights(applied.folder)[f"bert.encoder.layer.0.{name}"]
    np.testing.assert_array_equal(found, tensors[f"bert.encoder.layer.1.{name}"])
    refuse_to_differ(applied.folder)


def test_a_head_goes_with_its_rows_and_columns(model: Path, tmp_path: Path) -> None:
    applied = apply_recipe(
        recipe_of(model, tmp_path, structure=Structure(heads=1)), tmp_path / "small"
    )

    found = weights(applied.folder)
    for layer, (gone,) in enumerate(applied.structure["heads"]):
        prefix = f"bert.encoder.layer.{layer}.attention"
        own = slice(8 * gone, 8 * gone + 8)
        rest = slice(8 * (1 - gone), 8 * (1 - gone) + 8)
        for name in ("query", "key", "value"):
            assert not found[f"{prefix}.self.{name}.weight"][own].any()
            assert not found[f"{prefix}.self.{name}.bias"][own].any()
            kept = weights(model)[f"{prefix}.self.{name}.weight"][rest]
            np.testing.assert_array_equal(found[f"{prefix}.self.{name}.weight"][rest], kept)
        assert not found[f"{prefix}.output.dense.weight"][:, own].any()
        assert found[f"{prefix}.output.dense.weight"][:, rest].all()


def test_parts_go_before_blocks_and_terms(model: Path, tmp_path: Path) -> None:
    recipe = recipe_of(
        model,
        tmp_path,
        structure=Structure(layers=1, heads=1, neurons=0.5),
        layers=Layers(sparsity=0.5),
        recentring=Recentring.TERMS,
    )
    assert recipe.calibration is not None
    vocabulary = Vocabulary(documents=recipe.calibration.documents, share=0.3)
    recipe = msgspec.structs.replace(recipe, vocabulary=vocabulary)

    applied = apply_recipe(recipe, tmp_path / "small")

    assert len(applied.blocks) == 6
    assert applied.blocks["bert.encoder.layer.0.intermediate.dense"] == 0.5
    assert applied.blocks["bert.encoder.layer.0.attention.self.query"] == 0.25
    assert applied.n_dropped_terms > 0
    refuse_to_differ(applied.folder)


def test_work_left_is_in_parts_of_the_whole_model(model: Path, tmp_path: Path) -> None:
    structure = Structure(layers=1, heads=1, neurons=0.5)

    applied = apply_recipe(recipe_of(model, tmp_path, structure=structure), tmp_path / "small")

    head = 16 * 16 + 16 * json.loads((model / "config.json").read_text())["vocab_size"]
    whole, left = 2 * (4 * 16 * 16 + 2 * 16 * 32), 2 * 16 * 16 + 2 * 16 * 16
    assert work_left(model_files(str(applied.folder))) == (left + head) / (whole + head)


@pytest.mark.parametrize("n_done", [0, 1, 2, 4])
def test_an_interrupted_run_goes_on_to_the_same_model(
    model: Path, tmp_path: Path, n_done: int
) -> None:
    recipe = recipe_of(
        model,
        tmp_path,
        structure=Structure(layers=1, heads=1, neurons=0.5),
        layers=Layers(sparsity=0.5),
    )
    whole = apply_recipe(recipe, tmp_path / "whole")
    steps: list[str] = []

    def interrupt(step: str) -> None:
        steps.append(step)
        if len(steps) > n_done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply_recipe(recipe, tmp_path / "small", on_step=interrupt)
    later: list[str] = []
    resumed = apply_recipe(recipe, tmp_path / "small", on_step=later.append)

    assert later[0] == steps[-1]
    assert resumed == replace(whole, folder=tmp_path / "small")
    expected, found = weights(whole.folder), weights(resumed.folder)
    assert expected.keys() == found.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)
    assert not list(tmp_path.glob(".small*"))
    assert apply_recipe(recipe, tmp_path / "small") == replace(resumed, was_there=True)


def test_a_model_that_was_compressed_is_compressed_further(model: Path, tmp_path: Path) -> None:
    """What was said of terms and blocks stays true of it."""
    recipe = recipe_of(model, tmp_path)
    assert recipe.calibration is not None
    vocabulary = Vocabulary(documents=recipe.calibration.documents, share=0.5, leaves_literal=True)
    first = apply_recipe(
        msgspec.structs.replace(recipe, vocabulary=vocabulary, structure=Structure(heads=1)),
        tmp_path / "first",
    )

    second = apply_recipe(
        recipe_of(first.folder, tmp_path, structure=Structure(neurons=0.5)), tmp_path / "second"
    )

    before, after = (json.loads((one.folder / FILE).read_text()) for one in (first, second))
    for key in ("literal_terms", "n_multiplied", "blocks"):
        assert before[key] == after[key]
    refuse_to_differ(second.folder)


def test_by_chance_another_seed_removes_others(model: Path, tmp_path: Path) -> None:
    def gone(seed: int) -> Any:
        structure = Structure(at_random=True, neurons=0.5)
        recipe = recipe_of(model, tmp_path, structure=structure, seed=seed)
        applied = apply_recipe(recipe, tmp_path / f"{seed}")
        return weights(applied.folder)["bert.encoder.layer.0.intermediate.dense.weight"]

    assert (gone(1) != gone(2)).any()


@pytest.mark.parametrize(
    ("structure", "message"),
    [
        (Structure(layers=2), "removes 2 layers of a model of 2; leave at least one"),
        (Structure(heads=3), "removes 3 attention heads of layers of 2; leave at least one"),
    ],
)
def test_more_than_there_is_is_refused(
    model: Path, tmp_path: Path, structure: Structure, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        apply_recipe(recipe_of(model, tmp_path, structure=structure), tmp_path / "small")
