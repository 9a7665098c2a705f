import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from framework_formulas import (
    activated,
    of_epic,
    of_tokens,
    save_heads,
    text_ids,
    token_logits,
)
from lsr.encoders import Backend, Precision
from lsr.encoders.layouts import check_checkpoint
from lsr.encoders.linear_head import LinearHead
from lsr.encoders.method import (
    Activation,
    Head,
    NetworkWeighting,
    PooledTokens,
    Pooling,
    PresenceWeighting,
    Repeats,
    Side,
    TokenWeighting,
    VocabularyWeighting,
)
from lsr.encoders.tower_loading import load_tower
from lsr.errors import ConfigError, UnsupportedModelError

TEXTS = ["sparse retrieval with learned weights", "water", "the painter of the island garden"]


def encoded(
    folder: Path,
    side: Side,
    backend: Backend,
    texts: list[str] = TEXTS,
    heads: dict[Head, LinearHead] | None = None,
) -> NDArray[np.float32]:
    tower = load_tower(
        "tiny",
        replace(check_checkpoint(folder).documents, side=side, heads=heads or {}),
        max_length=60,
        precision=Precision.FLOAT32,
        backend=backend,
    )
    dense: NDArray[np.float32] = tower.encode(texts).to_scipy().toarray()
    return dense


def max_magnitude(weights: NDArray[Any]) -> NDArray[Any]:
    largest = np.abs(weights).argmax(0)
    picked: NDArray[Any] = weights[largest, np.arange(weights.shape[1])]
    return picked


# float32 sums in another order; weights here are of size 1, and a sum has ten of them.
ROUNDING = 1e-5


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


@pytest.mark.parametrize("pooling", Pooling)
@pytest.mark.parametrize("activation", Activation)
@pytest.mark.parametrize("saturation", [0, 1])
def test_logits_are_weighted_by_the_formula(
    tiny_models: dict[str, Path], pooling: Pooling, activation: Activation, saturation: int
) -> None:
    weighting = VocabularyWeighting(
        activation=activation, pooling=pooling, saturation=saturation, tokens=PooledTokens.TEXT
    )

    found = encoded(tiny_models["bert"], Side(weighting, prune="top_k:9999"), Backend.TORCH)

    for row, text in zip(found, TEXTS, strict=True):
        weights = activated(activation, token_logits(tiny_models["bert"], text)[1:-1], saturation)
        expected = {
            Pooling.MAX: weights.max(0),
            Pooling.SUM: weights.sum(0),
            Pooling.MAGNITUDE: max_magnitude(weights),
        }[pooling]
        np.testing.assert_allclose(row, np.maximum(expected, 0), atol=ROUNDING)


def test_a_short_text_beside_a_long_one_gets_nothing_from_its_padding(
    tiny_models: dict[str, Path],
) -> None:
    """log(1 + softplus(0)) is 0.53: masked logits of zero would weigh that much in every text."""
    side = Side(VocabularyWeighting(activation=Activation.SOFTPLUS), prune="top_k:9999")

    found = encoded(tiny_models["bert"], side, Backend.TORCH)

    assert found[TEXTS.index("water")].min() < 0.1


def test_a_text_may_be_weighted_by_its_own_terms_alone(
    tiny_models: dict[str, Path], backend: Backend
) -> None:
    folder = tiny_models["bert"]
    texts = [*TEXTS, "water [SEP] river water"]

    found = encoded(folder, Side(VocabularyWeighting(lexical=True)), backend, texts)

    whole = encoded(folder, Side(), backend, texts)
    for row, expected, text in zip(found, whole, texts, strict=True):
        own = np.zeros(row.size, bool)
        own[text_ids(folder, text)] = True
        own[:5] = False  # special tokens
        np.testing.assert_array_equal(row, np.where(own, expected, 0))
        assert np.count_nonzero(row) < np.count_nonzero(expected)


@pytest.mark.parametrize("kind", ["bert", "distilbert", "roberta"])
@pytest.mark.parametrize("repeats", Repeats)
@pytest.mark.parametrize(
    ("activation", "saturation"),
    [(Activation.RELU, 1), (Activation.SOFTPLUS, 1), (Activation.IDENTITY, 0)],
)
def test_tokens_are_weighted_by_their_hidden_states(
    tiny_models: dict[str, Path],
    tmp_path: Path,
    kind: str,
    repeats: Repeats,
    activation: Activation,
    saturation: int,
) -> None:
    folder, heads = tiny_models[kind], save_heads(tmp_path)
    texts = [*TEXTS, "the water of the water", "search the search of the search"]
    weighting = TokenWeighting(repeats, activation=activation, saturation=saturation)

    found = encoded(folder, Side(weighting), Backend.TORCH, texts, heads)

    for row, text in zip(found, texts, strict=True):
        expected = of_tokens(
            folder,
            text,
            activation,
            saturation,
            summed=repeats is Repeats.SUM,
            n_terms=row.size,
        )
        np.testing.assert_allclose(row, expected, atol=ROUNDING)
    assert np.count_nonzero(found) > len(texts)


def test_a_special_token_in_a_text_is_no_term_of_it(
    tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    heads = save_heads(tmp_path)
    weighting = TokenWeighting(Repeats.SUM, activation=Activation.SOFTPLUS)

    found = encoded(
        tiny_models["bert"], Side(weighting), Backend.TORCH, ["water [SEP] river"], heads
    )

    assert set(np.flatnonzero(found)) == set(text_ids(tiny_models["bert"], "water river"))


def test_importance_and_quality_are_those_of_epic(
    tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    folder, heads = tiny_models["bert"], save_heads(tmp_path)
    weighting = VocabularyWeighting(
        activation=Activation.SOFTPLUS, tokens=PooledTokens.TEXT, importance=True, quality=True
    )

    found = encoded(folder, Side(weighting, prune="top_k:9999"), Backend.TORCH, heads=heads)

    for row, text in zip(found, TEXTS, strict=True):
        np.testing.assert_allclose(row, of_epic(folder, text), atol=ROUNDING)


@pytest.mark.parametrize("weight", [1.0, 0.3])
def test_presence_counts_each_term_once_and_needs_no_weights(
    tiny_models: dict[str, Path], tmp_path: Path, weight: float
) -> None:
    folder = Path(shutil.copytree(tiny_models["bert"], tmp_path / "model"))
    texts = ["the water [SEP] the river", "", "[CLS]"]
    side = Side(PresenceWeighting(weight))
    files = replace(check_checkpoint(folder).documents, side=side)
    (folder / "model.safetensors").unlink()

    tower = load_tower("tiny", files, max_length=32, precision=Precision.AUTO, backend=Backend.AUTO)

    found = tower.encode(texts).to_scipy().toarray()
    expected = np.zeros_like(found)
    expected[0, text_ids(folder, "the water river")] = np.float32(weight)
    np.testing.assert_array_equal(found, expected)


def test_weights_for_every_term_need_a_rule_for_the_light_ones(
    tiny_models: dict[str, Path],
) -> None:
    side = Side(VocabularyWeighting(activation=Activation.SOFTPLUS))

    with pytest.raises(ConfigError, match=r"softplus gives every term .* prune = 'top_k:1000'"):
        encoded(tiny_models["bert"], side, Backend.TORCH)


@pytest.mark.parametrize(
    ("weighting", "head"),
    [
        (TokenWeighting(Repeats.MAX), "token"),
        (VocabularyWeighting(importance=True), "importance"),
        (VocabularyWeighting(quality=True), "quality"),
    ],
)
def test_an_untrained_head_is_never_made_up(
    tiny_models: dict[str, Path], weighting: NetworkWeighting, head: str
) -> None:
    with pytest.raises(UnsupportedModelError, match=f"has no {head} head"):
        encoded(tiny_models["bert"], Side(weighting), Backend.TORCH)


@pytest.mark.parametrize(
    ("weighting", "reason"),
    [
        (TokenWeighting(Repeats.MAX), "come from the tokens' hidden states"),
        (VocabularyWeighting(pooling=Pooling.SUM), "more of a term than its largest logit"),
        (VocabularyWeighting(importance=True), "more of a term than its largest logit"),
        (VocabularyWeighting(saturation=0), "not saturated"),
    ],
)
def test_the_native_backend_says_what_it_does_not_weight(
    tiny_models: dict[str, Path], weighting: NetworkWeighting, reason: str
) -> None:
    with pytest.raises(UnsupportedModelError, match=reason):
        encoded(tiny_models["bert"], Side(weighting), Backend.NATIVE)


def test_the_ceiling_is_known_where_weights_are_bounded() -> None:
    assert VocabularyWeighting().ceiling == TokenWeighting(Repeats.MAX).ceiling == 4.0
    assert PresenceWeighting(0.3).ceiling == 0.3
    assert VocabularyWeighting(pooling=Pooling.SUM).ceiling is None
    assert TokenWeighting(Repeats.MAX, saturation=0).ceiling is None
    assert TokenWeighting(Repeats.SUM).ceiling is None
