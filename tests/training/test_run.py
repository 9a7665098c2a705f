"""Trainings from beginning to end: what they learn, and that interruptions change nothing."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from lsr.encoders import load_encoder
from lsr.errors import CollapseError, ConfigError, InvalidInputError, TrainingError
from lsr.training.batch_gradient import BatchGradient
from lsr.training.recipe import Recipe
from lsr.training.run import train

Make = Callable[..., Recipe]

EVERYTHING: dict[str, Any] = {
    "losses": [{"type": "contrastive"}, {"type": "kl", "weight": 0.5}],
    "documents": {
        "penalties": [{"type": "flops", "lambda": 0.1}],
        "ramp_steps": 5,
        "target_terms": 12,
    },
    "queries": {"penalties": [{"type": "l1", "lambda": 0.01}]},
    "held_out": {"split": "test", "every": 3},
}


class Killed(Exception):
    """Stands for the end of a process."""


def everything(make: Make, collection: Path, **schedule: Any) -> Recipe:
    scores = {"scores": [str(collection / "negatives.jsonl")]}
    return make(**EVERYTHING, data=scores, schedule={"warmup_steps": 2, **schedule})


def weights_of(folder: Path) -> dict[str, Any]:
    return load_file(folder / "model.safetensors")


def assert_same_model(found: Path, expected: Path) -> None:
    first, second = weights_of(found), weights_of(expected)
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def log_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_model_learns_and_can_be_loaded(make_recipe: Make, tmp_path: Path) -> None:
    recipe = make_recipe(
        schedule={"steps": 60, "batch": 8, "log_every": 20, "checkpoint_every": 60},
        held_out={"split": "test", "every": 30},
    )

    folder = train(recipe, tmp_path / "out")

    lines = log_of(folder)
    losses = [one["loss_contrastive"] for one in lines if "loss_contrastive" in one]
    assert losses[-1] < 0.9 * losses[0]
    assert [one["step"] for one in lines if "held_out_RR@10" in one] == [30, 60]
    vectors = load_encoder(str(folder)).encode_queries(["learned sparse retrieval"])
    assert vectors.nnz > 0


@pytest.mark.parametrize(
    "killed_at",
    [pytest.param(1, marks=pytest.mark.slow), 4, pytest.param(5, marks=pytest.mark.slow)],
)
def test_a_training_that_is_resumed_ends_with_the_same_weights(
    make_recipe: Make, collection: Path, tmp_path: Path, killed_at: int
) -> None:
    recipe = everything(make_recipe, collection)
    whole = train(recipe, tmp_path / "whole")

    def kill(line: dict[str, Any]) -> None:
        if line.get("step", 0) >= killed_at and "loss" in line:
            raise Killed

    with pytest.raises(Killed):
        train(recipe, tmp_path / "cut", on_log=kill)
    train(recipe, tmp_path / "cut", resume=True)

    assert_same_model(tmp_path / "cut", whole)
    timeless = [
        [
            {key: one[key] for key in one if "runtime" not in key and "per_second" not in key}
            for one in log_of(folder)
        ]
        for folder in (whole, tmp_path / "cut")
    ]
    steps = [[one["step"] for one in lines] for lines in timeless]
    assert steps[0] == steps[1]
    assert [one for one in timeless[0] if "train_loss" not in one] == [
        one for one in timeless[1] if "train_loss" not in one
    ]


def test_a_checkpoint_that_is_not_whole_is_passed_over(
    make_recipe: Make, collection: Path, tmp_path: Path
) -> None:
    recipe = everything(make_recipe, collection, steps=6)
    whole = train(recipe, tmp_path / "out")
    before = weights_of(whole)
    last = whole / "checkpoints" / "checkpoint-6" / "trainer_state.json"
    last.write_text(last.read_text()[:40])

    train(recipe, tmp_path / "out", resume=True)

    for name, tensor in weights_of(whole).items():
        np.testing.assert_array_equal(tensor, before[name])


@pytest.mark.slow
def test_how_many_texts_are_encoded_at_a_time_changes_next_to_nothing(
    make_recipe: Make, tmp_path: Path
) -> None:
    for name, micro in (("whole", None), ("cut", 1)):
        recipe = make_recipe(schedule={"steps": 3, "micro_batch": micro, "learning_rate": 1e-4})
        train(recipe, tmp_path / name)

    for name, tensor in weights_of(tmp_path / "whole").items():
        # Dropout differs, as it does from text to text, so the weights differ by less than a step.
        np.testing.assert_allclose(weights_of(tmp_path / "cut")[name], tensor, atol=4e-4)


@pytest.mark.slow
def test_the_target_of_terms_is_reached(make_recipe: Make, tmp_path: Path) -> None:
    recipe = make_recipe(
        schedule={
            **{"steps": 500, "batch": 8, "learning_rate": 2e-3},
            **{"log_every": 25, "checkpoint_every": 500},
        },
        documents={
            "penalties": [{"type": "flops", "lambda": 0.01}],
            "target_terms": 20,
            "ramp_steps": 50,
        },
        guard={"likeness": 1.0},
    )

    folder = train(recipe, tmp_path / "out")

    terms = [one["document_terms"] for one in log_of(folder) if "document_terms" in one]
    assert terms[0] > 30
    # The path arrives with the last step, and in so few of them vectors lag a little behind it.
    assert np.mean(terms[-2:]) == pytest.approx(20, rel=0.1)


def test_a_planted_collapse_stops_the_training(make_recipe: Make, tmp_path: Path) -> None:
    recipe = make_recipe(
        schedule={"steps": 200, "learning_rate": 0.02},
        documents={"penalties": [{"type": "flops", "lambda": 1e4}]},
        guard={"patience": 5},
    )

    with pytest.raises(CollapseError, match=r"100% of queries have no term") as raised:
        train(recipe, tmp_path / "out")

    assert "penalties have been up to 100% of the objective" in str(raised.value)
    assert "documents.target_terms" in str(raised.value)


def test_a_planted_collapse_is_repaired_when_asked(make_recipe: Make, tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = []
    recipe = make_recipe(
        schedule={"steps": 60, "learning_rate": 0.02, "log_every": 1, "checkpoint_every": 60},
        documents={"penalties": [{"type": "flops", "lambda": 1e4}]},
        guard={"patience": 3, "action": "repair", "repairs": 100, "likeness": 1.0},
    )

    train(recipe, tmp_path / "out", on_log=lines.append)

    repaired = next(one["step"] for one in lines if "repair" in one)
    terms = {one["step"]: one["document_terms"] for one in lines if "document_terms" in one}
    assert terms[repaired] < 1 < terms[repaired + 1]


def test_a_loss_of_dense_halves_is_refused_where_there_are_none(
    make_recipe: Make, tmp_path: Path
) -> None:
    recipe = make_recipe(losses=[{"type": "dense_contrastive"}])

    with pytest.raises(ConfigError, match="name the method promptreps, or leave the loss out"):
        train(recipe, tmp_path / "out")


def test_a_folder_of_another_recipe_is_refused(make_recipe: Make, tmp_path: Path) -> None:
    out = tmp_path / "out"
    train(make_recipe(schedule={"steps": 1}), out)

    with pytest.raises(InvalidInputError, match="go on with --resume"):
        train(make_recipe(schedule={"steps": 1}), out)
    with pytest.raises(ConfigError, match=r"schedule\.learning_rate is 0\.001 there and 0\.5 here"):
        train(make_recipe(schedule={"steps": 1, "learning_rate": 0.5}), out, resume=True)
    train(make_recipe(schedule={"steps": 1}, source="said only"), out, resume=True)


def test_there_must_be_something_to_resume(make_recipe: Make, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="no training to resume"):
        train(make_recipe(), tmp_path / "out", resume=True)


def test_memory_that_runs_out_says_what_to_lower(
    make_recipe: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(BatchGradient, "compute", fail)

    with pytest.raises(TrainingError, match=r"4 queries .*; set schedule\.micro_batch to 2"):
        train(make_recipe(), tmp_path / "a")
    with pytest.raises(TrainingError, match=r"schedule\.gradient_checkpointing, or lower"):
        train(make_recipe(schedule={"micro_batch": 1}), tmp_path / "b")


def test_an_idf_table_for_queries_is_kept_and_the_documents_learn(
    make_recipe: Make, tmp_path: Path
) -> None:
    table = tmp_path / "idf.json"
    table.write_text(json.dumps({"river": 4.0, "water": 3.0, "term": 2.0, "block": 2.5}))
    recipe = make_recipe(
        model={"query_weights": str(table)},
        documents={"penalties": [{"type": "flops", "lambda": 0.01}]},
        schedule={"steps": 2},
    )

    encoder = load_encoder(str(train(recipe, tmp_path / "out")))

    asked = encoder.encode_queries(["the water of a river"])
    assert encoder.decode(asked) == [{"river": 4.0, "water": 3.0}]


def test_a_table_of_query_weights_has_a_learning_rate_of_its_own(
    make_recipe: Make, tmp_path: Path
) -> None:
    table = tmp_path / "idf.json"
    words = {"river": 4.0, "water": 3.0, "term": 2.0, "block": 2.5, "ocean": 3.5, "gene": 2.0}
    table.write_text(json.dumps(words))
    recipe = make_recipe(
        model={"query_weights": str(table), "trains_query_weights": True},
        schedule={
            **{"steps": 1, "batch": 8, "decay": "constant"},
            **{"learning_rate": 1e-9, "query_weights_learning_rate": 0.25},
        },
    )

    folder = train(recipe, tmp_path / "out")

    asked = load_encoder(str(folder)).encode_queries([" ".join(words)]).weights
    moved = np.abs(np.sort(asked) - np.sort(list(words.values())))
    # Adam's first step is the learning rate, whatever the size of a gradient.
    assert set(np.round(moved[moved > 0], 3)) == {0.25}


@pytest.mark.slow
def test_a_killed_process_is_resumed_from_the_command_line(
    make_recipe: Make, collection: Path, tmp_path: Path
) -> None:
    recipe = everything(make_recipe, collection, steps=30, checkpoint_every=3)
    file = tmp_path / "recipe.toml"
    file.write_text(as_toml(msgspec.to_builtins(recipe)))
    train(recipe, tmp_path / "whole")
    command = [sys.executable, "-m", "lsr", "train", str(file), "--output", str(tmp_path / "cut")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    killed = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    while not (tmp_path / "cut" / "checkpoints" / "checkpoint-6").exists():
        assert killed.poll() is None
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    subprocess.run([*command, "--resume"], env=environment, check=True, capture_output=True)

    assert not (tmp_path / "cut" / "log.jsonl").read_text().count('"step": 3,') > 2
    assert_same_model(tmp_path / "cut", tmp_path / "whole")


@pytest.mark.slow
def test_two_processes_train_the_model_that_one_trains(
    make_recipe: Make, tiny_bert: Path, tmp_path: Path
) -> None:
    calm = Path(shutil.copytree(tiny_bert, tmp_path / "bert"))
    config = json.loads((calm / "config.json").read_text())
    no_dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (calm / "config.json").write_text(json.dumps({**config, **no_dropout}))
    recipe = make_recipe(
        model={"start": str(calm)},
        schedule={"steps": 4, "batch": 8, "learning_rate": 1e-4},
        documents={"penalties": [{"type": "flops", "lambda": 0.1}]},
        held_out={"split": "test", "every": 2, "keeps_best": False},
    )
    file = tmp_path / "recipe.toml"
    file.write_text(as_toml(msgspec.to_builtins(recipe)))
    train(recipe, tmp_path / "one")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        **{"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"},
        **{"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "1"},
    }
    command = [sys.executable, "-m", "lsr", "train", str(file), "--output", str(tmp_path / "two")]

    processes = [
        subprocess.Popen(command, env={**environment, "RANK": str(one), "LOCAL_RANK": str(one)})
        for one in range(2)
    ]

    assert [process.wait(timeout=300) for process in processes] == [0, 0]
    before, one, two = (weights_of(folder) for folder in (calm, tmp_path / "one", tmp_path / "two"))
    moved = np.concatenate([(one[name] - before[name]).ravel() for name in one])
    apart = np.concatenate([(one[name] - two[name]).ravel() for name in one])
    # Adam turns rounding into whole steps where a gradient is nearly zero, as of the keys' biases.
    assert np.linalg.norm(apart) < 0.05 * np.linalg.norm(moved)
    steps = [[line["step"] for line in log_of(tmp_path / folder)] for folder in ("one", "two")]
    assert steps[0] == steps[1]


def as_toml(values: dict[str, Any]) -> str:
    """Write tables whose values are those of JSON, but for nulls."""

    def inline(value: Any) -> str:
        if isinstance(value, dict):
            return (
                f"{{{', '.join(f'{k} = {inline(v)}' for k, v in value.items() if v is not None)}}}"
            )
        if isinstance(value, list | tuple):
            return f"[{', '.join(map(inline, value))}]"
        return json.dumps(value)

    return "".join(f"{key} = {inline(one)}\n" for key, one in values.items() if one is not None)
