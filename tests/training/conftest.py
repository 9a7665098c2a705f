"""A tiny model, and a collection on which it can learn something."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lsr.training.recipe import Recipe
from lsr.training.recipe_file import recipe_of
from tiny_models import WORDS, save_tiny_model

N_DOCS, N_TRAIN = 60, 40


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("model") / "bert")


@pytest.fixture(scope="session")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Documents of words drawn at random; the query of each is three of its words."""
    folder = tmp_path_factory.mktemp("collection")
    rng = np.random.default_rng(0)
    words = [word for word in WORDS if len(word) > 3]
    texts = [" ".join(rng.choice(words, 12)) for _ in range(N_DOCS)]
    write_lines(
        folder / "corpus.jsonl",
        [{"_id": f"d{n}", "title": "", "text": text} for n, text in enumerate(texts)],
    )
    write_lines(
        folder / "queries.jsonl",
        [{"_id": f"q{n}", "text": " ".join(one.split()[:3])} for n, one in enumerate(texts)],
    )
    (folder / "qrels").mkdir()
    for split, numbers in (("train", range(N_TRAIN)), ("test", range(N_TRAIN, N_DOCS))):
        rows = "".join(f"q{n}\td{n}\t1\n" for n in numbers)
        (folder / "qrels" / f"{split}.tsv").write_text(f"query-id\tcorpus-id\tscore\n{rows}")
    drawn = {n: rng.permutation(N_DOCS)[:12].tolist() for n in range(N_TRAIN)}
    write_lines(
        folder / "negatives.jsonl",
        [
            {
                "query_id": f"q{n}",
                "negatives": [f"d{one}" for one in ones if one != n],
                "scores": {f"d{one}": float(one % 7) for one in {*ones, n}},
            }
            for n, ones in drawn.items()
        ],
    )
    return folder


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def make_recipe(tiny_bert: Path, collection: Path) -> Callable[..., Recipe]:
    """Makes a recipe that trains the tiny model, with changes: ``schedule={"steps": 3}``."""

    def make(**changes: Any) -> Recipe:
        values: dict[str, Any] = {
            "model": {"start": str(tiny_bert), "max_length": 24, "query_max_length": 12},
            "data": {
                "dataset": str(collection),
                "negatives": [str(collection / "negatives.jsonl")],
                "negatives_per_query": 2,
            },
            "schedule": {
                "steps": 6,
                "batch": 4,
                "learning_rate": 1e-3,
                "log_every": 2,
                "checkpoint_every": 2,
            },
            # A vocabulary of 141 terms is soon dense.
            "guard": {"dense_share": 1.0},
        }
        for name, value in changes.items():
            is_table = isinstance(value, dict) and isinstance(values.get(name), dict)
            values[name] = {**values[name], **value} if is_table else value
        return recipe_of(values, "recipe")

    return make
