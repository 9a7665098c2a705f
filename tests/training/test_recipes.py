"""Every recipe that is shipped is one: it is read, names its source, and trains what it says."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from lsr.encoders.named_methods import method_named
from lsr.training.recipe_file import read_recipe, recipe_of
from lsr.training.run import train
from tiny_decoders import save_tiny_decoder

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.toml"))
MAX_LENGTH = 24
PROMPTED = 250  # a prompt has over two hundred tokens in the vocabulary of a tiny model


@pytest.fixture(scope="module")
def tiny_decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_decoder(tmp_path_factory.mktemp("model") / "llama")


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_read_and_says_where_it_is_from(path: Path) -> None:
    recipe = read_recipe(path)

    assert recipe.source
    assert recipe.published
    if recipe.model.method is not None:
        method_named(recipe.model.method)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_trains(
    path: Path, tiny_bert: Path, tiny_decoder: Path, collection: Path, tmp_path: Path
) -> None:
    values = tomllib.loads(path.read_text())
    table = tmp_path / "idf.json"
    table.write_text(json.dumps({"river": 4.0, "water": 3.0, "term": 2.0}))
    start = tiny_decoder if is_of_a_decoder(values["model"]) else tiny_bert
    recipe = recipe_of(shrunk(values, start, table, collection), path.name)

    folder = train(recipe, tmp_path / "out")

    line = json.loads((folder / "log.jsonl").read_text().splitlines()[0])
    assert {f"loss_{one['type']}" for one in values["losses"]} < line.keys()
    assert line["grad_norm"] > 0
    for side in ("queries", "documents"):
        for penalty in values.get(side, {}).get("penalties", ()):
            assert line[f"loss_{side}_{penalty['type']}"] >= 0


def is_of_a_decoder(model: dict[str, Any]) -> bool:
    if "prosper" in model["start"]:
        return True
    weighting = method_named(model.get("method", "splade-max")).documents.weighting
    return weighting.__struct_config__.tag in {"decoder", "literal residual", "prompt"}


def shrunk(values: dict[str, Any], start: Path, table: Path, collection: Path) -> dict[str, Any]:
    """Return a recipe for one step of a tiny model on a tiny collection; all else stays."""
    model, data, schedule = (dict(values[name]) for name in ("model", "data", "schedule"))
    model |= {"start": str(start), "max_length": MAX_LENGTH}
    model.pop("query_max_length", None)
    if "prosper" in values["model"]["start"]:
        model["method"] = "prosper"
    if values["model"].get("method") == "promptreps":
        model["max_length"] = PROMPTED
    if "query_weights" in model:
        model["query_weights"] = str(table)
    if "residual_rank" in model:
        model["residual_rank"] = 2
    negatives = str(collection / "negatives.jsonl")
    for name in ("corpus", "queries", "qrels"):
        data.pop(name, None)
    data["dataset"] = str(collection)
    data["negatives_per_query"] = min(2, data.get("negatives_per_query", 1))
    for name in ("negatives", "scores"):
        if name in data:
            data[name] = [negatives] * len(data[name])
    schedule |= {"steps": 1, "batch": 4, "log_every": 1, "warmup_steps": 0}
    if schedule.get("precision") == "float16":  # which wants a GPU
        schedule["precision"] = "float32"
    if "micro_batch" in schedule:
        schedule["micro_batch"] = 2
    return {
        **values,
        "model": model,
        "data": data,
        "schedule": schedule,
        "guard": {"action": "warn"},
    }


def test_there_are_recipes() -> None:
    assert len(RECIPES) >= 9
