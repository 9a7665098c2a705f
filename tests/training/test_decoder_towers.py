"""A trained decoder is what `load_encoder` makes of its files, whichever way it weighs terms."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from lsr.encoders import Backend, Precision, load_encoder
from lsr.encoders.base import DenseEncoder
from lsr.errors import ConfigError, UnsupportedModelError
from lsr.training.decoder_weights import LiteralResidual
from lsr.training.model_loading import StartingModel, load_starting_model
from lsr.training.model_saving import save_trained
from lsr.training.recipe import DataPart, LoraPart, ModelPart, Recipe, SchedulePart
from lsr.training.towers import NetworkTower
from tiny_decoders import save_tiny_decoder
from tiny_models import save_tiny_model

TEXTS = ["the sparse index of the river", "water water flower", "learned term weight"]
LENGTH = 40
RECIPE = Recipe(
    ModelPart("start", max_length=LENGTH), DataPart(dataset="data"), SchedulePart(steps=1000)
)

PROMPTED = 250
"""Tokens with the prompt, which has over two hundred in the vocabulary of a tiny model."""

HALF_A_STEP = 0.005 + 1e-4
"""A saved model rounds weights to hundredths, which has no gradient."""

ROUNDING = 1e-4
"""Logits of two layers in float32, whose products are taken in another order."""


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_decoder(tmp_path_factory.mktemp("model") / "llama", "llama")


def started(folder: Path, **values: object) -> StartingModel:
    given = {"max_length": LENGTH, **values}
    return load_starting_model(ModelPart(str(folder), **given), seed=1)  # type: ignore[arg-type]


def perturbed(start: StartingModel) -> StartingModel:
    made = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in filter(lambda one: one.requires_grad, start.encoder.parameters()):
            parameter.add_(torch.randn(parameter.shape, generator=made) * 0.05)
    return start


def vectors(start: StartingModel) -> list[np.ndarray]:
    start.encoder.eval()
    with torch.no_grad():
        return [
            tower(texts.tokenize(TEXTS)).numpy()
            for tower, texts in (
                (start.encoder.queries, start.query_texts),
                (start.encoder.documents, start.document_texts),
            )
        ]


def assert_saved_is_trained(start: StartingModel, folder: Path) -> None:
    trained = vectors(start)
    folder.mkdir()
    save_trained(start, folder, RECIPE, {})
    encoder = load_encoder(str(folder), backend=Backend.TORCH, precision=Precision.FLOAT32)
    for found, encode in zip(
        trained, (encoder.encode_queries, encoder.encode_documents), strict=True
    ):
        saved = encode(TEXTS).to_scipy().toarray()
        np.testing.assert_allclose(saved, found, rtol=ROUNDING, atol=ROUNDING)
        assert (found > 0).any(1).all()


@pytest.mark.parametrize(
    "method", ["causal-splade", "echo-splade", "bidirectional-splade", "laconic", "lion-sp"]
)
def test_every_method_is_saved_as_it_is_trained(decoder: Path, tmp_path: Path, method: str) -> None:
    assert_saved_is_trained(perturbed(started(decoder, method=method)), tmp_path / "model")


@pytest.mark.parametrize("rank", [None, 3])
def test_the_bonus_of_literal_terms_is_saved_as_it_is_trained(
    decoder: Path, tmp_path: Path, rank: int | None
) -> None:
    start = started(decoder, method="prosper", residual_rank=rank)

    assert_saved_is_trained(perturbed(start), tmp_path / "model")


@pytest.mark.parametrize("rank", [None, 3])
def test_the_bonus_of_a_model_that_has_one_is_trained_on(
    decoder: Path, tmp_path: Path, rank: int | None
) -> None:
    start = perturbed(started(decoder, method="prosper", residual_rank=rank))
    expected, folder = vectors(start), tmp_path / "model"
    folder.mkdir()
    save_trained(start, folder, RECIPE, {})

    for found, one in zip(vectors(started(folder)), expected, strict=True):
        np.testing.assert_allclose(found, one, rtol=ROUNDING, atol=ROUNDING)
    with pytest.raises(ConfigError, match="has the layer already; leave the rank out"):
        started(folder, residual_rank=3)


def test_a_layer_of_another_model_is_refused(decoder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(decoder, tmp_path / "model"))
    save_file({"weight": np.zeros((3, 16), np.float32)}, folder / "literal_residual.safetensors")

    with pytest.raises(UnsupportedModelError, match=r"must have the shape .* \(it has \[3, 16\]\)"):
        started(folder, method="prosper")


def test_a_layer_of_zeros_gives_no_bonus_and_stays() -> None:
    residual = LiteralResidual(4, 6, 2, torch.Generator())
    for parameter in residual.parameters():
        torch.nn.init.zeros_(parameter)

    numbers = residual.up(residual.down(torch.ones(1, 4)))  # type: ignore[misc]
    (numbers.amax() - numbers).sum().backward()

    for parameter in residual.parameters():
        assert parameter.grad is not None
        assert not parameter.grad.any()


def test_a_bonus_is_what_the_paper_says() -> None:
    made = torch.Generator().manual_seed(0)
    residual = LiteralResidual(4, 6, 2, made)
    layer = torch.nn.Linear(4, 6)
    hidden = torch.randn(1, 3, 4, generator=made)

    class Text:
        literal = np.array([1, 4])

    class Batch:
        mask = torch.tensor([[1, 1, 0]])
        texts = (Text(),)

    with torch.no_grad():
        found = residual.weights(hidden, layer, Batch())[0].numpy()  # type: ignore[arg-type]

    last = hidden[0, 1].numpy()
    up, down = (residual.tensors()[name].numpy() for name in ("up", "down"))
    bonus = up @ (down @ np.log1p(np.maximum(last, 0)))
    logits = layer.weight.detach().numpy() @ last + layer.bias.detach().numpy()
    expected = np.log1p(np.maximum(logits, 0))
    for term in Text.literal:
        expected[term] += bonus.max() - bonus[term]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_an_adapter_alone_is_trained_and_merged_when_saved(decoder: Path, tmp_path: Path) -> None:
    start = started(decoder, method="echo-splade", lora=LoraPart(rank=2))

    trained = {name for name, one in start.encoder.named_parameters() if one.requires_grad}
    before = vectors(start)
    perturbed(start)

    assert trained
    assert all("lora_" in name for name in trained)
    assert not np.allclose(before[1], vectors(start)[1])
    assert_saved_is_trained(start, tmp_path / "model")
    assert not list((tmp_path / "model").glob("adapter*"))


def test_an_untrained_adapter_changes_nothing(decoder: Path) -> None:
    plain, with_adapter = (
        vectors(started(decoder, method="echo-splade", lora=lora)) for lora in (None, LoraPart())
    )

    np.testing.assert_array_equal(plain[1], with_adapter[1])


def test_a_masked_language_model_takes_an_adapter_too(tmp_path: Path) -> None:
    start = started(save_tiny_model(tmp_path / "bert"), lora=LoraPart(rank=2))

    assert_saved_is_trained(perturbed(start), tmp_path / "model")


def test_the_first_token_that_a_decoder_rests_on_is_seen(decoder: Path) -> None:
    start = started(decoder, method="lion-sp")
    tower = start.encoder.documents
    assert isinstance(tower, NetworkTower)

    share = tower.first_token_share(start.document_texts.tokenize(TEXTS))

    assert share is not None
    assert 0 < share < 1


@pytest.mark.parametrize("lora", [None, LoraPart(rank=2)])
def test_both_halves_of_an_answer_are_saved_as_they_are_trained(
    decoder: Path, tmp_path: Path, lora: LoraPart | None
) -> None:
    start = perturbed(started(decoder, method="promptreps", lora=lora, max_length=PROMPTED))
    trained, folder, n_terms = vectors(start), tmp_path / "model", start.encoder.documents.n_terms

    folder.mkdir()
    save_trained(start, folder, RECIPE, {})
    encoder = load_encoder(str(folder), precision=Precision.FLOAT32, max_length=PROMPTED)
    assert isinstance(encoder, DenseEncoder)

    for found, saved in zip(
        trained,
        (encoder.encode_queries_densely(TEXTS), encoder.encode_documents_densely(TEXTS)),
        strict=True,
    ):
        sparse, dense = saved.vectors.to_scipy().toarray(), saved.dense
        assert dense is not None
        np.testing.assert_allclose(sparse, found[:, :n_terms], rtol=0, atol=HALF_A_STEP)
        np.testing.assert_allclose(dense, found[:, n_terms:], rtol=0, atol=ROUNDING)
        assert (sparse > 0).any(1).all()


def test_a_text_without_words_is_trained_by_the_terms_that_it_is_saved_with(decoder: Path) -> None:
    start = started(decoder, method="promptreps", max_length=PROMPTED)

    with torch.no_grad():
        (vector,) = start.encoder.documents(start.document_texts.tokenize(["to be or not to be!"]))

    encoder = load_encoder(str(decoder), method="promptreps", precision=Precision.FLOAT32)
    (expected,) = encoder.encode_documents(["to be or not to be!"]).to_scipy().toarray()
    found = vector[: start.encoder.documents.n_terms].numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=HALF_A_STEP)
    assert np.count_nonzero(expected) == 10


def test_what_prompts_begin_with_has_the_gradient_of_all_texts(decoder: Path) -> None:
    """Read once for three texts, or with every text: the gradient of the weights is the same."""
    start = started(decoder, method="promptreps", max_length=PROMPTED)
    texts = start.document_texts.tokenize(TEXTS)
    mixed = torch.randn(3, 100, generator=torch.Generator().manual_seed(0))

    def gradient(encoded: torch.Tensor) -> torch.Tensor:
        start.encoder.zero_grad()
        (encoded[:, -100:] * mixed).sum().backward()
        parameters = start.encoder.documents.parameters()
        return torch.cat([one.grad.flatten() for one in parameters if one.grad is not None])

    together = gradient(start.encoder.documents(texts))
    alone = gradient(torch.cat([start.encoder.documents([one]) for one in texts]))

    largest = float(alone.abs().max())
    np.testing.assert_allclose(together / largest, alone / largest, rtol=0, atol=ROUNDING)


def test_prompts_are_read_whole_where_layers_are_computed_twice(decoder: Path) -> None:
    start = started(decoder, method="promptreps", max_length=PROMPTED)
    texts = start.document_texts.tokenize(TEXTS)
    start.encoder.train()
    expected = start.encoder.documents(texts)

    start.encoder.checkpoint_gradients()
    found = start.encoder.documents(texts)

    assert found.requires_grad
    np.testing.assert_allclose(
        found.detach().numpy(), expected.detach().numpy(), rtol=0, atol=ROUNDING
    )


def test_answers_of_several_tokens_are_not_trained(decoder: Path) -> None:
    with pytest.raises(UnsupportedModelError, match="name the method promptreps, which"):
        started(decoder, method="promptreps-multi")
