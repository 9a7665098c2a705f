"""Weights of decoders, held against formulas over what transformers computes for one text alone."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lsr.encoders import Backend, Precision
from lsr.encoders.decoder.weighting import (
    Attention,
    BeginToken,
    DecoderWeighting,
    LiteralResidualWeighting,
)
from lsr.encoders.layouts import TowerFiles
from lsr.encoders.layouts.model_files import read_config
from lsr.encoders.method import Side
from lsr.encoders.tower import Tower
from lsr.encoders.tower_loading import load_tower
from lsr.errors import ConfigError, UnsupportedModelError
from tiny_decoders import KINDS, decoder_tokenizer, save_tiny_decoder

TEXTS = ["sparse retrieval with weights", "water", "the painter of the island garden, the water"]
BEGIN = 0

Array = NDArray[np.float32]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_decoder(tmp_path_factory.mktemp("decoders") / "llama")


def tower(folder: Path, side: Side, max_length: int = 200, precision: str = "float32") -> Tower:
    return load_tower(
        "tiny",
        TowerFiles(folder, read_config(folder), side),
        max_length=max_length,
        precision=Precision(precision),
        backend=Backend.AUTO,
    )


def encoded(folder: Path, side: Side, texts: list[str] = TEXTS, **options: Any) -> Array:
    dense: Array = tower(folder, side, **options).encode(texts).to_scipy().toarray()
    return dense


def ids(text: str) -> list[int]:
    return list(decoder_tokenizer().encode(text, add_special_tokens=False).ids)


@cache
def loaded(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder).eval()


def logits(folder: Path, tokens: list[int]) -> Array:
    import torch

    with torch.inference_mode():
        return loaded(folder)(input_ids=torch.tensor([tokens])).logits[0].numpy()


def splade(logits: Array) -> Array:
    return np.log1p(np.maximum(logits.max(0), 0))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tied", [False, True])
def test_a_causal_decoder_pools_its_text_and_not_its_begin_token(
    tmp_path: Path, kind: str, tied: bool
) -> None:
    folder = save_tiny_decoder(tmp_path / "model", kind, tied=tied)

    weights = encoded(folder, Side(DecoderWeighting()))

    expected = [splade(logits(folder, [BEGIN, *ids(text)])[1:]) for text in TEXTS]
    np.testing.assert_allclose(weights, expected, atol=1e-5)


def test_the_begin_token_may_be_left_unread(folder: Path) -> None:
    weights = encoded(folder, Side(DecoderWeighting(begin_token=BeginToken.LEFT_OUT)))

    expected = [splade(logits(folder, ids(text))) for text in TEXTS]
    np.testing.assert_allclose(weights, expected, atol=1e-5)


def test_a_prefix_is_read_as_one_text_with_what_follows(folder: Path) -> None:
    weights = encoded(folder, Side(DecoderWeighting(), prefix="query: "))

    expected = [splade(logits(folder, [BEGIN, *ids(f"query: {text}")])[1:]) for text in TEXTS]
    np.testing.assert_allclose(weights, expected, atol=1e-5)


def test_an_echo_pools_only_the_second_copy(folder: Path) -> None:
    weights = encoded(folder, Side(DecoderWeighting(echo="\nagain: "), prefix="text: "))

    expected = []
    for text in TEXTS:
        whole = [BEGIN, *ids("text: "), *ids(text), *ids("\nagain: "), *ids(text)]
        expected.append(splade(logits(folder, whole)[-len(ids(text)) :]))
    np.testing.assert_allclose(weights, expected, atol=1e-5)


def test_an_echo_is_cut_before_it_is_doubled(folder: Path) -> None:
    side = Side(DecoderWeighting(echo="\n"))

    weights = encoded(folder, side, max_length=18)

    expected = []
    for text in TEXTS:
        kept = ids(text)[: (18 - 2) // 2]
        expected.append(splade(logits(folder, [BEGIN, *kept, *ids("\n"), *kept])[-len(kept) :]))
    np.testing.assert_allclose(weights, expected, atol=1e-5)


def test_logits_are_scaled_by_a_power_of_the_hidden_size(folder: Path) -> None:
    weights = encoded(folder, Side(DecoderWeighting(scale_exponent=-0.25)))

    expected = [splade(logits(folder, [BEGIN, *ids(text)])[1:] * 16**-0.25) for text in TEXTS]
    np.testing.assert_allclose(weights, expected, atol=1e-5)


def llama(folder: Path, tokens: list[int]) -> Array:
    """Return the logits of a Llama whose tokens all see each other, written from its paper."""
    import torch

    model = loaded(folder)
    tensors = {name: tensor.detach() for name, tensor in model.state_dict().items()}
    x = tensors["model.embed_tokens.weight"][tokens]
    angle = torch.arange(len(tokens))[:, None] * 10000.0 ** (-torch.arange(0, 4, 2) / 4)
    cos, sin = (torch.cat([f(angle)] * 2, -1) for f in (torch.cos, torch.sin))

    def norm(x: Any, name: str) -> Any:
        return x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt() * tensors[f"{name}.weight"]

    def rotated(x: Any) -> Any:
        return x * cos + torch.cat([-x[..., 2:], x[..., :2]], -1) * sin

    for layer in ("model.layers.0", "model.layers.1"):
        y = norm(x, f"{layer}.input_layernorm")
        q, k, v = (
            (y @ tensors[f"{layer}.self_attn.{one}_proj.weight"].T).unflatten(-1, (-1, 4))
            for one in "qkv"
        )
        q, k, v = (one.transpose(0, 1) for one in (q, k, v))  # heads, tokens, 4
        k, v = (one.repeat_interleave(2, 0) for one in (k, v))
        seen = torch.softmax(rotated(q) @ rotated(k).transpose(1, 2) / 2, -1) @ v
        x = x + seen.transpose(0, 1).flatten(1) @ tensors[f"{layer}.self_attn.o_proj.weight"].T
        y = norm(x, f"{layer}.post_attention_layernorm")
        gate, up = (y @ tensors[f"{layer}.mlp.{one}_proj.weight"].T for one in ("gate", "up"))
        gated = torch.nn.functional.silu(gate) * up
        x = x + gated @ tensors[f"{layer}.mlp.down_proj.weight"].T
    result: Array = (norm(x, "model.norm") @ tensors["lm_head.weight"].T).numpy()
    return result


def test_with_bidirectional_attention_every_token_sees_the_whole_text(folder: Path) -> None:
    weights = encoded(folder, Side(DecoderWeighting(attention=Attention.BIDIRECTIONAL)))

    expected = [splade(llama(folder, [BEGIN, *ids(text)])[1:]) for text in TEXTS]
    np.testing.assert_allclose(weights, expected, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_attention_is_opened_in_every_known_architecture(tmp_path: Path, kind: str) -> None:
    folder = save_tiny_decoder(tmp_path / "model", kind)
    side = Side(DecoderWeighting(Attention.BIDIRECTIONAL, BeginToken.LEFT_OUT))

    same_start = encoded(folder, side, ["abc", "abd"])

    # Were attention causal, only the last tokens would differ; a maximum over "ab" would not.
    assert (same_start[0] != same_start[1]).mean() > 0.5


def test_attention_of_one_tower_does_not_change_that_of_another(folder: Path) -> None:
    causal = Side(DecoderWeighting())
    before = encoded(folder, causal)

    encoded(folder, Side(DecoderWeighting(attention=Attention.BIDIRECTIONAL)))

    np.testing.assert_array_equal(encoded(folder, causal), before)


def test_towers_that_differ_in_their_prefix_share_one_model(folder: Path) -> None:
    one = tower(folder, Side(DecoderWeighting(), prefix="query: "))
    other = tower(folder, Side(DecoderWeighting(echo=" ")))

    assert one._network._body is other._network._body  # type: ignore[attr-defined]


def test_only_the_heaviest_terms_are_kept_and_queries_may_have_unit_length(folder: Path) -> None:
    whole = encoded(folder, Side(DecoderWeighting()))
    got = encoded(folder, Side(DecoderWeighting(), prune="top_k:5", unit_length=True))

    for row, kept in zip(whole, got, strict=True):
        top = np.sort(np.argsort(-row, kind="stable")[:5])
        np.testing.assert_array_equal(np.flatnonzero(kept), top)
        np.testing.assert_allclose(kept[top], row[top] / np.linalg.norm(row[top]), atol=1e-6)


def test_bfloat16_holds_for_the_whole_model(folder: Path) -> None:
    exact = encoded(folder, Side(DecoderWeighting()))

    coarse = encoded(folder, Side(DecoderWeighting()), precision="bfloat16")

    # Three digits in two layers: weights of 0 to 2 move by some hundredths.
    np.testing.assert_allclose(coarse, exact, atol=0.1)
    assert (coarse != exact).any()


@pytest.mark.parametrize("rank", [None, 3])
@pytest.mark.parametrize("has_bias", [False, True])
def test_terms_of_the_text_get_the_literal_residual(
    tmp_path: Path, rank: int | None, has_bias: bool
) -> None:
    from safetensors.numpy import save_file

    folder = save_tiny_decoder(tmp_path / "model", "qwen2", begins=False)
    model, random = loaded(folder), np.random.default_rng(5)
    n_terms = model.config.vocab_size
    layer = {"weight": random.normal(size=(n_terms, 16)).astype(np.float32)}
    if rank is not None:
        layer = {"up": random.normal(size=(n_terms, rank)).astype(np.float32)}
        layer["down"] = random.normal(size=(rank, 16)).astype(np.float32)
    if has_bias:
        layer["bias"] = random.normal(size=n_terms).astype(np.float32)
    save_file(layer, folder / "literal_residual.safetensors")

    weights = encoded(folder, Side(LiteralResidualWeighting()))

    import torch

    matrix = layer["weight"] if rank is None else layer["up"] @ layer["down"]
    for text, got in zip(TEXTS, weights, strict=True):
        with torch.inference_mode():
            hidden = model.model(torch.tensor([ids(text)])).last_hidden_state[0, -1].numpy()
        expected = np.log1p(np.maximum(logits(folder, ids(text))[-1], 0))
        other = matrix @ np.log1p(np.maximum(hidden, 0)) + layer.get("bias", 0)
        for term in set(ids(text)):
            expected[term] += other.max() - other[term]
        np.testing.assert_allclose(got, expected, atol=1e-5)


def test_a_model_without_the_residual_layer_is_refused(folder: Path) -> None:
    with pytest.raises(UnsupportedModelError) as caught:
        tower(folder, Side(LiteralResidualWeighting()))

    assert str(caught.value) == (
        f"The folder {str(folder)!r} holds no literal_residual.safetensors, from which terms of "
        "the text get their bonus, and an untrained one would make it random; use a method that "
        "the model was trained for."
    )


def test_the_native_backend_is_refused(folder: Path) -> None:
    files = TowerFiles(folder, read_config(folder), Side(DecoderWeighting()))

    with pytest.raises(UnsupportedModelError, match="native backend runs no causal language mod"):
        load_tower("tiny", files, max_length=9, precision=Precision.AUTO, backend=Backend.NATIVE)


def test_a_length_that_the_echo_does_not_fit_in_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="max_length is 3, but 2 tokens are put around every"):
        tower(folder, Side(DecoderWeighting(echo="\n")), max_length=3)
