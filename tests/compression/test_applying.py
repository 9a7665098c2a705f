import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from lsr.compression import Method, Recentring, Recipe
from lsr.compression.applying import apply_recipe
from lsr.compression.recipe import Calibration, Layers, Vocabulary
from lsr.encoders import Backend, Precision, load_encoder
from lsr.encoders.compressed import FILE
from lsr.encoders.tokenizer_files import read_tokenizer
from lsr.errors import ConfigError, InvalidInputError, UnsupportedModelError
from lsr.sparse import SparseBatch
from tiny_models import WORDS, save_tiny_model


def texts(seed: int = 1, n_texts: int = 40) -> list[str]:
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(WORDS, 40)) for _ in range(n_texts)]


def written(path: Path, some: list[str]) -> str:
    lines = [json.dumps({"id": str(n), "text": text}) for n, text in enumerate(some)]
    path.write_text("\n".join(lines))
    return str(path)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("models") / "tiny", "bert", seed=1)


@pytest.fixture
def recipe(model: Path, tmp_path: Path) -> Recipe:
    documents = written(tmp_path / "texts.jsonl", texts())
    return Recipe(
        model=str(model),
        calibration=Calibration(documents=documents),
        layers=Layers(sparsity=0.5),
        vocabulary=Vocabulary(documents=documents, share=0.3),
        recentring=Recentring.TERMS,
    )


def encoded(folder: Path, backend: Backend) -> SparseBatch:
    encoder = load_encoder(str(folder), precision=Precision.FLOAT32, backend=backend)
    return encoder.encode_documents(texts(seed=2))


def weights(folder: Path) -> dict[str, Any]:
    return load_file(folder / "model.safetensors")


def test_a_compressed_model_is_pruned_and_gives_the_same_vectors_in_torch(
    recipe: Recipe, tmp_path: Path
) -> None:
    applied = apply_recipe(recipe, tmp_path / "small")

    ours, theirs = (
        encoded(applied.folder, one).to_scipy() for one in (Backend.NATIVE, Backend.TORCH)
    )
    assert theirs.nnz > 0
    # float32 sums in another order, of logits of size 10.
    assert abs(ours - theirs).max() < 5e-5
    assert set(applied.blocks.values()) == {0.5}
    bias = weights(applied.folder)["cls.predictions.bias"]
    assert (bias == -1e4).sum() == applied.n_dropped_terms == round(0.3 * bias.size)


def test_the_calibration_texts_keep_their_number_of_terms(
    recipe: Recipe, model: Path, tmp_path: Path
) -> None:
    """The threshold is between two logits; float32 may put a text's sum on the other side."""
    struct = Recipe(
        model=recipe.model,
        calibration=recipe.calibration,
        layers=recipe.layers,
        recentring=Recentring.THRESHOLD,
    )

    applied = apply_recipe(struct, tmp_path / "small")

    before, after = (
        load_encoder(str(one), precision=Precision.FLOAT32, backend=Backend.NATIVE)
        .encode_documents(texts())
        .nnz
        for one in (model, applied.folder)
    )
    assert abs(before - after) <= 2


def test_the_same_recipe_again_does_nothing(recipe: Recipe, tmp_path: Path) -> None:
    first = apply_recipe(recipe, tmp_path / "small")
    stamp = (first.folder / "model.safetensors").stat().st_mtime_ns
    steps: list[str] = []

    again = apply_recipe(recipe, tmp_path / "small", on_step=steps.append)

    assert again == replace(first, was_there=True)
    assert (first.folder / "model.safetensors").stat().st_mtime_ns == stamp
    assert steps == []


@pytest.mark.parametrize("n_done", [1, 5, 9])
def test_an_interrupted_run_goes_on_to_the_same_model(
    recipe: Recipe, tmp_path: Path, n_done: int
) -> None:
    whole = apply_recipe(recipe, tmp_path / "whole")
    steps: list[str] = []

    def interrupt(step: str) -> None:
        steps.append(step)
        if len(steps) > n_done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply_recipe(recipe, tmp_path / "small", on_step=interrupt)
    assert not (tmp_path / "small").exists()
    later: list[str] = []
    resumed = apply_recipe(recipe, tmp_path / "small", on_step=later.append)

    assert steps[0] not in later
    assert later[0] == steps[-1]
    expected, found = weights(whole.folder), weights(resumed.folder)
    assert expected.keys() == found.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)
    assert not list(tmp_path.glob(".small*"))


def test_a_recipe_changed_under_a_half_finished_output_is_refused(
    recipe: Recipe, tmp_path: Path
) -> None:
    def interrupt(step: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply_recipe(recipe, tmp_path / "small", on_step=interrupt)
    other = Recipe(model=recipe.model, seed=9, vocabulary=recipe.vocabulary)

    with pytest.raises(ConfigError, match=r"changed since .*small was begun; change them back"):
        apply_recipe(other, tmp_path / "small")


def test_another_model_in_the_way_is_refused(recipe: Recipe, tmp_path: Path) -> None:
    apply_recipe(recipe, tmp_path / "small")
    other = Recipe(model=recipe.model, seed=9, vocabulary=recipe.vocabulary)

    with pytest.raises(InvalidInputError, match="by another recipe, model or text"):
        apply_recipe(other, tmp_path / "small")


def test_texts_that_say_too_little_are_refused(recipe: Recipe, tmp_path: Path) -> None:
    few = Calibration(documents=written(tmp_path / "few.jsonl", ["a word or two"]))
    short = Recipe(model=recipe.model, calibration=few, layers=recipe.layers)

    with pytest.raises(ConfigError, match="but at least 1,000 are needed"):
        apply_recipe(short, tmp_path / "small")


def test_a_model_of_another_architecture_is_refused(recipe: Recipe, tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path / "model", "bert", seed=1)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_act": "silu"}))
    other = Recipe(model=str(folder), calibration=recipe.calibration, layers=Layers(sparsity=0.5))

    with pytest.raises(UnsupportedModelError, match="cannot be compressed: its activation"):
        apply_recipe(other, tmp_path / "small")


@pytest.mark.parametrize("method", [one for one in Method if one is not Method.GRADUAL])
def test_every_method_prunes_every_layer(recipe: Recipe, tmp_path: Path, method: Method) -> None:
    layers = Layers(method=method, sparsity=0.5)
    one = Recipe(model=recipe.model, calibration=recipe.calibration, layers=layers)

    applied = apply_recipe(one, tmp_path / method)

    assert len(applied.blocks) == 12
    assert set(applied.blocks.values()) == {0.5}


def test_what_is_exchanged_is_in_the_place_of_other_blocks(recipe: Recipe, tmp_path: Path) -> None:
    def matrices(exchanges: bool) -> dict[str, Any]:
        layers = Layers(method=Method.WANDA, sparsity=0.5, exchanges=exchanges)
        one = Recipe(model=recipe.model, calibration=recipe.calibration, layers=layers)
        applied = apply_recipe(one, tmp_path / str(exchanges))
        assert set(applied.blocks.values()) == {0.5}
        found = weights(applied.folder)
        return {name: array != 0 for name, array in found.items() if name[:-7] in applied.blocks}

    before, after = matrices(exchanges=False), matrices(exchanges=True)

    assert before.keys() == after.keys()
    assert sum((before[name] != after[name]).any() for name in before) > 6


def test_a_bias_takes_the_mean_of_what_went(recipe: Recipe, tmp_path: Path) -> None:
    """With all weights gone, the first matrix gives its mean output, whatever comes in."""
    layers = Layers(method=Method.RANDOM, pattern="unstructured", sparsity=1.0)
    one = Recipe(model=recipe.model, calibration=recipe.calibration, layers=layers)

    applied = apply_recipe(one, tmp_path / "none")

    name = "bert.encoder.layer.0.attention.self.query"
    before, after = weights(Path(recipe.model)), weights(applied.folder)
    assert not after[f"{name}.weight"].any()
    assert np.abs(after[f"{name}.bias"] - before[f"{name}.bias"]).max() > 1e-4
    assert set(applied.blocks.values()) == {0.0}


def test_weights_in_half_precision_are_written_in_float32(recipe: Recipe, tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path / "model", "bert", seed=1)
    halves = {name: array.astype(np.float16) for name, array in weights(folder).items()}
    save_file(halves, folder / "model.safetensors", metadata={"format": "pt"})
    one = Recipe(model=str(folder), vocabulary=recipe.vocabulary)

    applied = apply_recipe(one, tmp_path / "small")

    assert {array.dtype for array in weights(applied.folder).values()} == {np.dtype(np.float32)}
    assert FILE in {file.name for file in applied.folder.iterdir()}


def test_dropped_terms_are_left_to_the_texts_that_hold_them(recipe: Recipe, tmp_path: Path) -> None:
    assert recipe.vocabulary is not None
    documents = recipe.vocabulary.documents
    vocabulary = Vocabulary(documents=documents, share=0.6, leaves_literal=True)
    one = Recipe(model=recipe.model, vocabulary=vocabulary)

    applied = apply_recipe(one, tmp_path / "small")

    dropped = json.loads((applied.folder / FILE).read_text())["literal_terms"]
    whole = encoded(Path(recipe.model), Backend.NATIVE).to_scipy().toarray()
    ours, theirs = (
        encoded(applied.folder, each).to_scipy().toarray()
        for each in (Backend.NATIVE, Backend.TORCH)
    )
    assert len(dropped) == applied.n_dropped_terms == round(0.6 * whole.shape[1])
    tokenizer = read_tokenizer(applied.folder, "bert")
    assert tokenizer is not None
    for row, text in zip(whole, texts(seed=2), strict=True):
        row[np.setdiff1d(dropped, tokenizer.encode(text).ids)] = 0
    assert (whole[:, dropped] > 0).any()
    # float32 sums in another order, of logits of size 10.
    np.testing.assert_allclose(ours, whole, atol=5e-5)
    np.testing.assert_allclose(theirs, whole, atol=5e-5)


def test_recentred_texts_have_as_many_terms_as_before_though_some_are_left_to_others(
    recipe: Recipe, tmp_path: Path
) -> None:
    assert recipe.vocabulary is not None
    documents = recipe.vocabulary.documents
    one = Recipe(
        model=recipe.model,
        calibration=recipe.calibration,
        layers=Layers(method=Method.RANDOM, sparsity=0.5),
        vocabulary=Vocabulary(documents=documents, share=0.6, leaves_literal=True),
        recentring=Recentring.THRESHOLD,
    )

    applied = apply_recipe(one, tmp_path / "small")

    counts = [
        load_encoder(str(folder), precision=Precision.FLOAT32, backend=Backend.NATIVE)
        .encode_documents(texts())
        .nnz
        for folder in (recipe.model, applied.folder)
    ]
    assert applied.n_dropped_terms > 0
    # The threshold is between two logits; float32 may put a sum on the other side.
    assert abs(counts[0] - counts[1]) <= 2


@pytest.mark.parametrize("leaves_literal", [True, False])
def test_terms_go_that_add_least_to_scores(
    recipe: Recipe, tmp_path: Path, leaves_literal: bool
) -> None:
    documents = written(tmp_path / "counted.jsonl", texts(seed=3))
    vocabulary = Vocabulary(documents=documents, share=0.6, leaves_literal=leaves_literal)

    applied = apply_recipe(Recipe(model=recipe.model, vocabulary=vocabulary), tmp_path / "small")

    tokenizer = read_tokenizer(applied.folder, "bert")
    assert tokenizer is not None
    encoder = load_encoder(recipe.model, backend=Backend.NATIVE)
    squares = encoder.encode_documents(texts(seed=3)).to_scipy().toarray() ** 2
    if leaves_literal:
        for row, text in zip(squares, texts(seed=3), strict=True):
            row[tokenizer.encode(text).ids] = 0
    said = json.loads((applied.folder / FILE).read_text())
    bias = weights(applied.folder)["cls.predictions.bias"]
    dropped = said["literal_terms"] if leaves_literal else np.flatnonzero(bias < -1000)
    kept = np.setdiff1d(np.arange(bias.size), dropped)
    losses = squares.sum(axis=0)
    assert losses[dropped].max() <= losses[kept].min()
    assert losses[dropped].max() > 0
