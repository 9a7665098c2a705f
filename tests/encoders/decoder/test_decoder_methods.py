"""Every named method of causal models, on a tiny one, against its formula."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from lsr.encoders import Backend, DenseEncoder, Precision, load_encoder, reload_encoder
from lsr.encoders.decoder.weighting import PromptWeighting
from lsr.encoders.method import CausalWeighting
from lsr.encoders.named_methods import named_methods
from lsr.errors import UnsupportedModelError
from tiny_decoders import decoder_tokenizer, save_tiny_decoder
from tiny_models import save_tiny_model

TEXTS = ["sparse retrieval with weights", "water", "the painter of the island garden"]
BEGIN, N_TERMS = 0, 268

Array = NDArray[np.float32]
Formula = Callable[[Path, str], Array]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = save_tiny_decoder(tmp_path_factory.mktemp("decoders") / "llama")
    save_file({"weight": residual()}, folder / "literal_residual.safetensors")
    return folder


def residual() -> Array:
    return np.random.default_rng(5).normal(size=(N_TERMS, 16)).astype(np.float32)


def ids(text: str) -> list[int]:
    return list(decoder_tokenizer().encode(text, add_special_tokens=False).ids)


@cache
def output(folder: Path, tokens: tuple[int, ...], *, sees_all: bool = False) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval()
    size = len(tokens)
    mask = torch.zeros(1, 1, size, size)  # added to the scores of attention
    if not sees_all:
        mask = mask.masked_fill(~torch.ones(size, size).tril().bool(), -torch.inf)
    with torch.inference_mode():
        return model(torch.tensor([tokens]), attention_mask=mask, output_hidden_states=True)


def pooled(before: list[int], text: list[int], *, sees_all: bool, scale: float = 1) -> Formula:
    def formula(folder: Path, _: str) -> Array:
        logits = output(folder, (*before, *text), sees_all=sees_all).logits[0].numpy()
        return np.log1p(np.maximum(scale * logits[len(before) :].max(0), 0))

    return formula


def heaviest(weights: Array, n_kept: int) -> Array:
    return np.where(weights >= np.sort(weights)[-n_kept:][0], weights, 0)


def causal(folder: Path, text: str) -> Array:
    return pooled([BEGIN], ids(text), sees_all=False)(folder, text)


def echo(folder: Path, text: str) -> Array:
    return pooled([BEGIN, *ids(text), *ids("\n")], ids(text), sees_all=False)(folder, text)


def bidirectional(folder: Path, text: str) -> Array:
    return pooled([BEGIN], ids(text), sees_all=True)(folder, text)


def laconic(prefix: str) -> Formula:
    return lambda folder, text: pooled([], ids(prefix + text), sees_all=True)(folder, text)


def lion(folder: Path, text: str) -> Array:
    return pooled([], [BEGIN, *ids(text)], sees_all=True, scale=16**-0.25)(folder, text)


def literal(folder: Path, text: str) -> Array:
    said = output(folder, (BEGIN, *ids(text)))
    hidden = said.hidden_states[-1][0, -1].numpy()
    weights: Array = np.log1p(np.maximum(said.logits[0, -1].numpy(), 0))
    other = residual() @ np.log1p(np.maximum(hidden, 0))
    bonus = np.zeros(N_TERMS, np.float32)
    bonus[ids(text)] = (other.max() - other)[ids(text)]
    return weights + bonus


def prosper_query(folder: Path, text: str) -> Array:
    kept = heaviest(literal(folder, text), 256)
    unit: Array = kept / np.linalg.norm(kept)
    return unit


FORMULAS: dict[str, tuple[Formula, Formula]] = {
    "causal-splade": (causal, causal),
    "echo-splade": (echo, echo),
    "bidirectional-splade": (bidirectional, bidirectional),
    "laconic": (laconic("query: "), laconic("passage: ")),
    "lion-sp": (lion, lion),
    "prosper": (prosper_query, literal),
}
PROMPTED = ("promptreps", "promptreps-multi")  # their formula is tested in test_prompt_weights


def test_every_method_is_tested() -> None:
    named = named_methods().items()
    causal = {name for name, one in named if isinstance(one.documents.weighting, CausalWeighting)}
    assert {*FORMULAS, *PROMPTED} == causal


@pytest.mark.parametrize("name", FORMULAS)
def test_vectors_are_those_of_the_formula(folder: Path, name: str) -> None:
    encoder = load_encoder(str(folder), method=name, precision=Precision.FLOAT32)

    for vectors, formula in (
        (encoder.encode_queries(TEXTS), FORMULAS[name][0]),
        (encoder.encode_documents(TEXTS), FORMULAS[name][1]),
    ):
        expected = np.stack([formula(folder, text) for text in TEXTS])
        np.testing.assert_allclose(vectors.to_scipy().toarray(), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", PROMPTED)
def test_a_prompt_asks_for_a_query_and_a_passage_each_by_its_name(name: str) -> None:
    method = named_methods()[name]

    queries, documents = method.queries.weighting, method.documents.weighting
    assert isinstance(queries, PromptWeighting)
    assert isinstance(documents, PromptWeighting)
    asked = queries.request.replace("Query", "Passage").replace("query", "passage")
    assert asked == documents.request
    assert queries.answer.endswith(' "')


def test_a_prompted_model_offers_dense_vectors_beside_the_sparse_ones(folder: Path) -> None:
    encoder = load_encoder(str(folder), method="promptreps")
    assert isinstance(encoder, DenseEncoder)

    documents = encoder.encode_documents_densely([*TEXTS, ""])
    queries = encoder.encode_queries_densely(TEXTS)
    (run,) = encoder.encode_stream([[*TEXTS, ""]])

    assert documents.dense is not None
    assert queries.dense is not None
    assert run.dense is not None
    assert documents.dense.shape == (4, encoder.dense_size) == (4, 16)
    np.testing.assert_allclose(np.linalg.norm(documents.dense, axis=1), [1, 1, 1, 0], atol=1e-6)
    np.testing.assert_array_equal(run.dense, documents.dense)
    assert (queries.dense != documents.dense[:3]).any()
    np.testing.assert_array_equal(
        documents.vectors.weights, encoder.encode_documents([*TEXTS, ""]).weights
    )


def test_other_methods_have_no_dense_half(folder: Path) -> None:
    encoder = load_encoder(str(folder), method="causal-splade")

    assert isinstance(encoder, DenseEncoder)
    assert encoder.dense_size == 0
    assert encoder.encode_documents_densely(TEXTS).dense is None


def test_a_method_of_a_decoder_is_remembered(folder: Path) -> None:
    encoder = load_encoder(str(folder), method="laconic", max_length=40)

    again = reload_encoder(encoder.settings, Backend.AUTO)

    assert encoder.settings["queries"]["prefix"] == "query: "
    assert encoder.settings["documents"]["weighting"]["attention"] == "bidirectional"
    assert again.settings == encoder.settings


def test_a_causal_model_without_a_method_is_refused(folder: Path) -> None:
    with pytest.raises(UnsupportedModelError) as caught:
        load_encoder(str(folder))

    assert str(caught.value) == (
        f"The model in {str(folder)!r} is a causal language model, whose files do not say how it "
        "weighs terms; name a method, such as echo-splade or promptreps (--method)."
    )


def test_a_method_of_the_other_kind_of_model_is_refused(folder: Path, tmp_path: Path) -> None:
    masked = save_tiny_model(tmp_path / "bert")

    with pytest.raises(UnsupportedModelError) as caught:
        load_encoder(str(folder), method="splade-max")
    with pytest.raises(UnsupportedModelError, match=r"echo-splade is one of causal .* is masked\."):
        load_encoder(str(masked), method="echo-splade")

    assert str(caught.value) == (
        f"The method splade-max is one of masked language models, but that in {str(folder)!r} is "
        "causal."
    )


def test_the_name_of_a_published_checkpoint_is_enough(tmp_path: Path) -> None:
    encoder = load_encoder(str(save_tiny_decoder(tmp_path / "laconic-1b")))

    assert encoder.settings["method"] == "laconic"


def test_our_own_layout_says_how_a_decoder_weighs_terms(tmp_path: Path) -> None:
    folder = save_tiny_decoder(tmp_path / "model")
    side = {"weighting": {"type": "decoder", "echo": "\n"}}
    said = {"version": 1, "documents": {"side": side}, "queries": {"side": side}}
    (folder / "lsr.json").write_text(json.dumps(said))

    encoder = load_encoder(str(folder), precision=Precision.FLOAT32)
    vectors = encoder.encode_documents(TEXTS).to_scipy().toarray()

    expected = np.stack([echo(folder, text) for text in TEXTS])
    np.testing.assert_allclose(vectors, expected, rtol=0, atol=1e-5)
