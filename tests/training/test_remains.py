"""Recipes of compression with a training, from beginning to end."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from safetensors.numpy import load_file

from lsr.compression import Method, Recentring, Recipe
from lsr.compression.applied import Applied
from lsr.compression.applying import apply_recipe
from lsr.compression.recipe import Calibration, Layers, Removed, Training, Vocabulary
from lsr.encoders import Backend, Precision, load_encoder
from lsr.errors import ConfigError
from lsr.training.remains import train_remains
from tiny_models import WORDS


def texts(seed: int, n_texts: int) -> list[str]:
    """Return texts of three sentences each."""
    random = np.random.default_rng(seed)
    each = (random.choice(WORDS, (3, 8)) for _ in range(n_texts))
    return [" ".join(f"{' '.join(words).capitalize()}." for words in one) for one in each]


@pytest.fixture(scope="module")
def recipe(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    documents = tmp_path_factory.mktemp("texts") / "texts.jsonl"
    rows = [{"id": str(n), "text": text} for n, text in enumerate(texts(1, 60))]
    documents.write_text("\n".join(map(json.dumps, rows)))
    return Recipe(
        model=str(tiny_bert),
        calibration=Calibration(documents=str(documents)),
        layers=Layers(method=Method.GRADUAL, sparsity=0.5),
        vocabulary=Vocabulary(documents=str(documents), share=0.3),
        training=Training(
            documents=str(documents), steps=60, batch=8, prune_every=5, checkpoint_every=20
        ),
        recentring=Recentring.THRESHOLD,
    )


@pytest.fixture(scope="module")
def learned(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Applied:
    """The recipe followed without interruption."""
    return apply_recipe(recipe, tmp_path_factory.mktemp("models") / "learned", learn=train_remains)


def weights(folder: Path) -> dict[str, Any]:
    return load_file(folder / "model.safetensors")


def matrices(folder: Path) -> list[Any]:
    return [
        array for name, array in weights(folder).items() if ".layer." in name and array.ndim == 2
    ]


def vectors(model: str, backend: Backend = Backend.NATIVE) -> Any:
    encoder = load_encoder(model, precision=Precision.FLOAT32, backend=backend)
    return encoder.encode_documents(texts(2, 20)).to_scipy()


def test_gradual_pruning_comes_to_its_target_nearer_to_the_whole_model_than_pruning_at_once(
    recipe: Recipe, learned: Applied, tmp_path: Path
) -> None:
    at_once = Layers(method=Method.MAGNITUDE, sparsity=0.5, corrects_bias=False)
    once = msgspec.structs.replace(recipe, layers=at_once, training=None)
    untrained = apply_recipe(once, tmp_path / "once")

    assert set(learned.blocks.values()) == {0.5}
    for matrix in matrices(learned.folder):
        assert (matrix == 0).mean() == 0.5
    wanted = vectors(recipe.model)
    near, far = (vectors(str(one.folder)) for one in (learned, untrained))
    assert abs(near - wanted).sum() < 0.9 * abs(far - wanted).sum()
    bias = weights(learned.folder)["cls.predictions.bias"]
    assert (bias == -1e4).sum() == learned.n_dropped_terms == round(0.3 * bias.size)


def test_a_trained_model_gives_the_same_vectors_in_torch(learned: Applied) -> None:
    ours, theirs = (vectors(str(learned.folder), one) for one in (Backend.NATIVE, Backend.TORCH))

    assert theirs.nnz > 0
    # float32 sums in another order, of logits of size 10.
    assert abs(ours - theirs).max() < 5e-5


def test_masks_that_were_chosen_before_are_kept_exactly_by_two_trainings_and_their_mean(
    recipe: Recipe, tmp_path: Path
) -> None:
    chosen = msgspec.structs.replace(recipe, layers=Layers(sparsity=0.5), training=None)
    assert recipe.training is not None
    two = msgspec.structs.replace(recipe.training, members=2, steps=5)
    trained = msgspec.structs.replace(recipe, layers=Layers(sparsity=0.5), training=two)

    before = apply_recipe(chosen, tmp_path / "before")
    after = apply_recipe(trained, tmp_path / "after", learn=train_remains)

    for own, other in zip(matrices(before.folder), matrices(after.folder), strict=True):
        np.testing.assert_array_equal(own == 0, other == 0)
        assert (own != other).any()


@pytest.mark.parametrize("removed", [one for one in Removed if one is not Removed.GONE])
def test_weights_that_may_come_back_are_gone_in_the_end(
    recipe: Recipe, tmp_path: Path, removed: Removed
) -> None:
    assert recipe.training is not None
    training = msgspec.structs.replace(recipe.training, steps=6, removed=removed)
    returning = msgspec.structs.replace(recipe, training=training)

    applied = apply_recipe(returning, tmp_path / "small", learn=train_remains)

    assert set(applied.blocks.values()) == {0.5}
    for matrix in matrices(applied.folder):
        assert (matrix == 0).mean() == 0.5


@pytest.mark.parametrize("where", ["step 50", "setting the bias"])
def test_an_interrupted_training_goes_on_to_the_same_model(
    recipe: Recipe, learned: Applied, tmp_path: Path, where: str
) -> None:
    def interrupt(step: str) -> None:
        if step.startswith(where):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply_recipe(recipe, tmp_path / "small", learn=train_remains, on_step=interrupt)
    assert not (tmp_path / "small").exists()
    later: list[str] = []
    resumed = apply_recipe(recipe, tmp_path / "small", learn=train_remains, on_step=later.append)

    assert not any(step.startswith("counting") for step in later)
    expected, found = weights(learned.folder), weights(resumed.folder)
    assert expected.keys() == found.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_texts_of_single_sentences_are_refused(recipe: Recipe, tmp_path: Path) -> None:
    file = tmp_path / "short.jsonl"
    file.write_text(json.dumps({"id": "1", "text": "one sentence alone without an end"}))
    training = Training(documents=str(file), steps=1)

    with pytest.raises(ConfigError, match="no document of several sentences"):
        apply_recipe(
            msgspec.structs.replace(recipe, training=training),
            tmp_path / "small",
            learn=train_remains,
        )
