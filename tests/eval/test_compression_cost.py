import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command import lsr
from lsr.compression import Method, Recipe, Structure
from lsr.compression.applying import apply_recipe, model_files
from lsr.compression.learning import Remains
from lsr.compression.recipe import Calibration, Layers, Removed, Training, Vocabulary
from lsr.encoders import Precision
from lsr.errors import ConfigError
from lsr.eval.compression_cost import System, as_table, controls, measure_systems
from lsr.eval.compression_table import measure_recipes, recipes_table
from lsr.eval.datasets import load_dataset
from lsr.training.remains import train_remains
from tiny_models import WORDS, save_tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny_model(tmp_path_factory.mktemp("models") / "tiny", "bert", seed=1))


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Queries that are some words of their one relevant document."""
    folder = tmp_path_factory.mktemp("collection")
    random = np.random.default_rng(1)
    texts = [" ".join(random.choice(WORDS, 40)) for _ in range(30)]
    lines = {
        "corpus": [{"_id": f"d{n}", "text": text} for n, text in enumerate(texts)],
        "queries": [{"_id": f"q{n}", "text": " ".join(texts[n].split()[:5])} for n in range(10)],
    }
    for name, rows in lines.items():
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "qrels").mkdir()
    judged = ["query-id\tcorpus-id\tscore", *(f"q{n}\td{n}\t1" for n in range(10))]
    (folder / "qrels" / "test.tsv").write_text("\n".join(judged))
    return folder


def test_the_first_system_keeps_all_of_itself(model: str, collection: Path) -> None:
    systems = [
        System("dense", model, Precision.FLOAT32),
        System("again", model, Precision.FLOAT32, is_control=True),
    ]

    first, second = measure_systems(systems, [load_dataset(str(collection))], runs=1)

    assert (first.kept, first.error) == (second.kept, second.error) == (1, 0)
    assert first.quality == second.quality > 0
    assert first.document_terms == second.document_terms > 0
    assert first.documents_per_s is not None
    assert second.documents_per_s is None
    assert "again" in as_table([first, second])


def test_controls_are_made_of_every_recipe(model: str, collection: Path, tmp_path: Path) -> None:
    """Neither exchanges what it removed by chance, nor lets it come back."""
    documents = str(collection / "corpus.jsonl")

    def learn(remains: Remains, work: Path, weights: Path, on_step: Any) -> None:
        shutil.copy(remains.folder / "model.safetensors", weights)

    exchanged = Recipe(
        model=model,
        calibration=Calibration(documents=documents),
        layers=Layers(method=Method.WANDA, sparsity=0.5, exchanges=True),
    )
    returning = Recipe(
        model=model,
        layers=Layers(method=Method.GRADUAL, sparsity=0.8),
        training=Training(documents=documents, removed=Removed.AST),
    )

    vocabulary = Vocabulary(documents=documents, share=0.5, leaves_literal=True)
    leaving = Recipe(model=model, vocabulary=vocabulary)
    smaller = Recipe(
        model=model, calibration=exchanged.calibration, structure=Structure(layers=1, neurons=0.5)
    )

    recipes = {"exchanged": exchanged, "returning": returning, "leaving": leaving}
    recipes["smaller"] = smaller
    for name, recipe in recipes.items():
        found = controls(recipe, tmp_path / name, learn=learn)
        assert [one.name for one in found] == ["random mask", "no body"]
        n_layers = [model_files(one.model).config["num_hidden_layers"] for one in found]
        assert n_layers == [1 if recipe is smaller else 2, 2]
    chosen, by_chance = (
        set(json.loads((folder / "compression.json").read_text())["literal_terms"])
        for folder in (
            apply_recipe(leaving, tmp_path / "least-missed").folder,
            tmp_path / "leaving" / "random-mask",
        )
    )
    assert chosen != by_chance
    assert len(chosen) == len(by_chance) > 0


def test_the_command_compresses_and_measures_beside_controls(
    model: str, collection: Path, tmp_path: Path
) -> None:
    corpus = collection / "corpus.jsonl"
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        f'model = "{model}"\n[calibration]\ndocuments = "{corpus}"\n'
        '[layers]\nmethod = "magnitude"\nsparsity = 0.5\n'
    )
    output = tmp_path / "small"

    done = lsr(
        *("compress", "apply", str(recipe), "--output", str(output), "--json"),
        *("--dataset", str(collection)),
    )

    printed = json.loads(done.stdout)
    names = [one["system"] for one in printed["figures"]]
    assert names[:3] == ["dense float32", "dense int8", "compressed float32"]
    assert names[3:] == ["compressed int8", "random mask", "no body"]
    assert json.loads((output / "compression-report.json").read_text()) == printed["figures"]
    again = lsr("compress", "apply", str(recipe), "--output", str(output))
    assert "was there already, by the same recipe." in again.stdout


def test_the_command_analyzes_and_draws(model: str, collection: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    plot = tmp_path / "matrices.png"

    done = lsr(
        *("compress", "analyze", model, str(collection / "corpus.jsonl"), "--quiet"),
        *("--plot", str(plot)),
    )

    assert "0.qkv" in done.stdout
    assert "vocabulary" in done.stdout
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_a_recipe_that_is_wrong_is_one_sentence(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('model = "splade-tiny"\n[layer]\n')

    done = lsr("compress", "apply", str(recipe), "--output", str(tmp_path / "out"))

    assert done.code == 1
    assert "unknown field `layer`" in done.error


def test_several_recipes_stand_beside_each_other_with_their_seeds(
    model: str, collection: Path, tmp_path: Path
) -> None:
    def layers(method: Method) -> Recipe:
        changed = Layers(method=method, sparsity=0.5, corrects_bias=False)
        return Recipe(model=model, layers=changed)

    found = measure_recipes(
        {"largest": layers(Method.MAGNITUDE), "by chance": layers(Method.RANDOM)},
        [3, 4],
        tmp_path,
        [load_dataset(str(collection))],
        learn=train_remains,
    )

    assert {name: len(some) for name, some in found.items()} == {
        "dense": 1,
        "largest": 1,
        "by chance": 2,
    }
    assert found["dense"][0].work == 1 > found["largest"][0].work
    assert {one.system for one in found["by chance"]} == {"by chance-3", "by chance-4"}
    lines = recipes_table(found).splitlines()
    assert [line.split("  ")[0] for line in lines[1:4]] == ["dense", "largest", "by chance"]
    assert "of 2" in lines[3]


def test_recipes_of_two_models_are_not_compared(model: str, tmp_path: Path) -> None:
    one = Recipe(model=model, layers=Layers(sparsity=0.5))
    other = Recipe(model="splade-tiny", layers=Layers(sparsity=0.5))

    with pytest.raises(ConfigError, match="The recipes are of 2 models"):
        measure_recipes({"a": one, "b": other}, [0], tmp_path, [], learn=train_remains)
