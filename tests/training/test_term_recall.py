"""The recall of terms, counted by hand, and the loss that learns it (DeepCT)."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from lsr.encoders.text_input import TextInput
from lsr.encoders.tokenization import TokenizedText
from lsr.training.data import Example, TrainingData
from lsr.training.objective import Objective
from lsr.training.recipe import Recipe
from lsr.training.run import train
from lsr.training.term_recall import TermRecall, TermRecalls

WORDS = ["[CLS]", "[SEP]", "red", "green", "blue", "grey"]


def tokenized(texts: Sequence[str]) -> list[TokenizedText]:
    """A word is a term; two special tokens stand around a text."""
    return [
        TokenizedText(
            np.array([0, *(WORDS.index(word) for word in text.split()), 1]), False, slice(1, -1)
        )
        for text in texts
    ]


TEXTS = cast(TextInput, SimpleNamespace(tokenize=tokenized))
DATA = TrainingData(
    [
        Example("q0", "red green", ("d0",), ("d2",), {}),
        Example("q1", "green green grey", ("d0", "d1"), ("d2",), {}),
    ],
    {"d0": "red green green blue", "d1": "blue green", "d2": "grey"},
    {},
)


def entries(recall: TermRecall) -> dict[tuple[int, str], float]:
    return {
        (int(row), WORDS[term]): float(share)
        for row, term, share in zip(recall.rows, recall.terms, recall.shares, strict=True)
    }


def test_a_term_of_a_document_counts_as_often_as_queries_ask_for_it() -> None:
    found = TermRecalls(DATA, TEXTS, TEXTS).of_documents(["d1", "d0"], 3)

    assert entries(found) == {
        **{(0, "blue"): 0, (0, "green"): 1},
        **{(3, "red"): 0.5, (3, "green"): 1, (3, "blue"): 0},
    }


def test_a_term_of_a_query_counts_as_often_as_its_documents_hold_it() -> None:
    found = TermRecalls(DATA, TEXTS, TEXTS).of_queries(DATA.examples)

    assert entries(found) == {
        **{(0, "red"): 1, (0, "green"): 1},
        **{(1, "green"): 1, (1, "grey"): 0},
    }


def test_the_loss_is_the_squared_error_over_terms_that_texts_hold(
    make_recipe: Callable[..., Recipe],
) -> None:
    objective = Objective(make_recipe(losses=[{"type": "term_mse", "weight": 2.0}]))
    recalls = TermRecalls(DATA, TEXTS, TEXTS)
    recall = (recalls.of_queries(DATA.examples), recalls.of_documents(["d0", "d1"], 2))
    made = torch.Generator().manual_seed(0)
    queries = torch.rand(2, len(WORDS), generator=made).requires_grad_()
    documents = torch.rand(4, len(WORDS), generator=made).requires_grad_()

    parts = objective.parts(
        queries,
        documents,
        relevant=torch.zeros(2, 4, dtype=torch.bool),
        teacher=None,
        recall=recall,
        idf=None,
        step=1,
    )
    parts["term_mse"].backward()

    of_queries = {(0, 2): 1.0, (0, 3): 1.0, (1, 3): 1.0, (1, 5): 0.0}
    of_documents = {(0, 2): 0.5, (0, 3): 1.0, (0, 4): 0.0, (2, 3): 1.0, (2, 4): 0.0}
    expected = 0.0
    for vectors, targets in ((queries, of_queries), (documents, of_documents)):
        assert vectors.grad is not None
        weights = vectors.detach().numpy()
        expected += float(np.mean([(weights[at] - share) ** 2 for at, share in targets.items()]))
        gradient = np.zeros_like(weights)
        for at, share in targets.items():
            gradient[at] = 2 * 2.0 * (weights[at] - share) / len(targets)
        # float32 of numbers below 4.
        np.testing.assert_allclose(vectors.grad.numpy(), gradient, atol=1e-6)
    assert float(parts["term_mse"].detach()) == pytest.approx(2.0 * expected, rel=1e-6)


def test_weights_learn_the_recall_of_their_terms(
    make_recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    values: dict[str, Any] = {
        "model": {"method": "deepct"},
        "data": {"negatives": [], "negatives_per_query": 0},
        "losses": [{"type": "term_mse"}],
        "schedule": {"steps": 60, "batch": 8, "log_every": 20, "checkpoint_every": 60},
        "guard": {"action": "warn"},
    }

    folder = train(make_recipe(**values), tmp_path / "out")

    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    losses = [one["loss_term_mse"] for one in lines if "loss_term_mse" in one]
    assert losses[-1] < 0.8 * losses[0]
