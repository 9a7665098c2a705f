from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lsr.encoders import Backend, Precision
from lsr.encoders.layouts import TowerFiles, check_checkpoint
from lsr.encoders.loading import load_tower
from lsr.encoders.method import PooledTokens, Pooling, Side, VocabularyWeighting

TEXTS = ["sparse retrieval with learned weights", "water", "the painter of the island garden"]


def encoded(folder: Path, side: Side, backend: Backend) -> NDArray[np.float32]:
    files = check_checkpoint(folder).documents
    tower = load_tower(
        "tiny",
        TowerFiles(files.folder, files.config, side),
        max_length=32,
        precision=Precision.FLOAT32,
        backend=backend,
    )
    dense: NDArray[np.float32] = tower.encode(TEXTS).to_scipy().toarray()
    return dense


def token_logits(folder: Path, text: str) -> Any:
    """Return the logits of every token, those of [CLS] and [SEP] first and last."""
    import torch
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    inputs = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
    model = AutoModelForMaskedLM.from_pretrained(folder).eval()
    with torch.inference_mode():
        return (
            model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])
            .logits[0]
            .numpy()
        )


# float32 sums in another order; weights here are of size 1, and a sum has ten of them.
ROUNDING = 1e-4


@pytest.mark.parametrize("saturation", [1, 2])
def test_maxima_are_saturated_as_often_as_the_method_says(
    tiny_models: dict[str, Path], backend: Backend, saturation: int
) -> None:
    side = Side(VocabularyWeighting(saturation=saturation))

    found = encoded(tiny_models["bert"], side, backend)

    for row, text in zip(found, TEXTS, strict=True):
        expected = np.maximum(token_logits(tiny_models["bert"], text).max(0), 0)
        for _ in range(saturation):
            expected = np.log(1 + expected)
        np.testing.assert_allclose(row, expected, atol=ROUNDING)


@pytest.mark.parametrize(
    ("tokens", "positions"),
    [
        (PooledTokens.TEXT, slice(1, -1)),
        (PooledTokens.TEXT_AND_END, slice(1, None)),
        (PooledTokens.FIRST, slice(0, 1)),
    ],
)
def test_only_the_tokens_that_the_method_names_propose_weights(
    tiny_models: dict[str, Path], backend: Backend, tokens: PooledTokens, positions: slice
) -> None:
    side = Side(VocabularyWeighting(tokens=tokens))

    found = encoded(tiny_models["bert"], side, backend)

    for row, text in zip(found, TEXTS, strict=True):
        logits = token_logits(tiny_models["bert"], text)
        expected = np.log(1 + np.maximum(logits[positions].max(0), 0))
        np.testing.assert_allclose(row, expected, atol=ROUNDING)
        assert abs(expected - np.log(1 + np.maximum(logits.max(0), 0))).max() > 0.01


def test_weights_of_tokens_may_be_summed(tiny_models: dict[str, Path]) -> None:
    side = Side(VocabularyWeighting(pooling=Pooling.SUM))

    found = encoded(tiny_models["bert"], side, Backend.TORCH)

    for row, text in zip(found, TEXTS, strict=True):
        expected = np.log(1 + np.maximum(token_logits(tiny_models["bert"], text), 0)).sum(0)
        np.testing.assert_allclose(row, expected, atol=ROUNDING)


def test_a_prefix_is_read_with_every_text(tiny_models: dict[str, Path], backend: Backend) -> None:
    found = encoded(tiny_models["bert"], Side(prefix="query: "), backend)

    for row, text in zip(found, TEXTS, strict=True):
        logits = token_logits(tiny_models["bert"], f"query: {text}")
        np.testing.assert_allclose(row, np.log(1 + np.maximum(logits.max(0), 0)), atol=ROUNDING)


def test_light_weights_are_left_out_by_the_rule(
    tiny_models: dict[str, Path], backend: Backend
) -> None:
    whole = encoded(tiny_models["bert"], Side(), backend)

    found = encoded(tiny_models["bert"], Side(prune="top_k:3"), backend)

    for row, expected in zip(found, whole, strict=True):
        heaviest = np.argsort(-expected)[:3]
        assert set(np.flatnonzero(row)) == set(heaviest)
        np.testing.assert_array_equal(row[heaviest], expected[heaviest])
