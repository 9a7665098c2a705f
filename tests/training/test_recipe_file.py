from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lsr.errors import ConfigError
from lsr.training.losses import Contrastive, KlDivergence
from lsr.training.penalties import Flops
from lsr.training.recipe import Recipe
from lsr.training.recipe_file import read_recipe, recipe_of

WHOLE = """
source = "a paper"

[model]
start = "splade-tiny"

[data]
dataset = "scifact"
negatives = ["negatives.jsonl"]
scores = ["teacher.trec"]
ranks = [11, 200]

[[losses]]
type = "kl"
temperature = 2

[[losses]]
type = "contrastive"
weight = 0.1

[documents]
penalties = [{ type = "flops", lambda = 0.08, threshold = 150 }]
ramp_steps = 100

[schedule]
steps = 1000
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    return path


def test_a_recipe_is_read_whole(tmp_path: Path) -> None:
    recipe = read_recipe(written(tmp_path, WHOLE))

    assert recipe.losses == (KlDivergence(temperature=2.0), Contrastive(weight=0.1))
    assert recipe.documents.penalties == (Flops(0.08, threshold=150),)
    assert recipe.data.ranks == (11, 200)
    assert recipe.schedule.batch == 32


def test_a_recipe_written_as_json_is_the_same(tmp_path: Path) -> None:
    recipe = read_recipe(written(tmp_path, WHOLE))

    assert recipe_of(msgspec.json.decode(msgspec.json.encode(recipe)), "again") == recipe


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("steps = 1000", "step = 1000", r"no key 'schedule\.step'; near: steps"),
        ("[schedule]", "[shedule]", r"no key 'shedule'; near: schedule"),
        ("temperature = 2", "temprature = 2", r"'losses\.1\.temprature'; near: temperature"),
        ('type = "kl"', 'type = "kld"', r"losses\.1 is of the type 'kld', .*near: kl"),
        ('type = "kl"', "weight = 1", r"losses\.1 says no type; the types are"),
        ("threshold = 150", "treshold = 150", r"'documents\.penalties\.1\.treshold'; near"),
        ("steps = 1000", 'steps = "many"', r"schedule\.steps is not right: Expected `int`"),
        ("steps = 1000", "steps = 0", r"schedule\.steps is not right"),
        ("steps = 1000", "", r"schedule is not right: .*missing required field `steps`"),
        ("[model]", "[model", r"is not TOML"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_recipe(written(tmp_path, WHOLE.replace(old, new, 1)))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml cannot be read"):
        read_recipe(tmp_path / "absent.toml")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"losses": []}, "no losses"),
        ({"losses": [{"type": "kl"}]}, "the loss kl learns from a teacher"),
        ({"data": {"scores": ["a.trec"]}}, "no loss learns from them"),
        ({"data": {"negatives": []}}, r"negatives_per_query is 2, but data\.negatives names no"),
        ({"data": {"negatives_per_query": 0}}, "would not be used"),
        (
            {"data": {"negatives": [], "negatives_per_query": 0}, "losses": [{"type": "pairwise"}]},
            "only contrastive, dense_contrastive and term_mse",
        ),
        ({"data": {"corpus": "corpus.jsonl"}}, "names corpus, queries and qrels already"),
        ({"data": {"dataset": None, "corpus": "c"}}, "all three of corpus, queries and qrels"),
        ({"data": {"ranks": [20, 10]}}, "run from 20 to 10"),
        ({"data": {"scale": 30.0}}, "only the fusion min_max"),
        ({"data": {"missing_positive": "drop"}}, "cannot be drop"),
        ({"data": {"missing_negative": "highest"}}, "cannot be highest"),
        ({"model": {"query_start": "a", "query_weights": "b"}}, "not by both"),
        ({"model": {"trains_query_weights": True}}, "there is no table"),
        ({"documents": {"target_terms": 100}}, "no penalty above 0"),
        (
            {"documents": {"target_terms": 9, "penalties": [{"type": "l1", "lambda": 0}]}},
            "no penalty above 0",
        ),
        ({"documents": {"ramp_steps": 10}}, "no penalty with a ramp"),
        (
            {
                "documents": {
                    "target_terms": 9,
                    "target_flops": 1,
                    "penalties": [{"type": "l1", "lambda": 1}],
                }
            },
            "both target_terms and target_flops",
        ),
        (
            {"queries": {"target_flops": 1, "penalties": [{"type": "l1", "lambda": 1}]}},
            "move it there",
        ),
        (
            {"documents": {"penalties": [{"type": "flops_idf_inside", "lambda": 1}]}},
            "names no table",
        ),
        (
            {
                "model": {"query_weights": "idf.json"},
                "queries": {"penalties": [{"type": "l1", "lambda": 1}]},
            },
            "a table that is not trained",
        ),
        (
            {
                "model": {"frozen": "documents"},
                "documents": {"penalties": [{"type": "l1", "lambda": 1}]},
            },
            "the tower of documents is frozen",
        ),
        ({"schedule": {"query_weights_learning_rate": 1e-3}}, "so no table is trained"),
        ({"schedule": {"warmup_steps": 6}}, "only 6 steps"),
        ({"schedule": {"micro_batch": 5}}, "above the batch of 4"),
        ({"held_out": {"split": "train"}}, "which is learned from"),
    ],
)
def test_contradictions_are_refused(
    make_recipe: Callable[..., Recipe], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        make_recipe(**changes)

    assert str(raised.value).endswith(".")
