"""Every method that has a name, against its formula."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from framework_formulas import (
    of_epic,
    of_tokens,
    save_heads,
    text_ids,
    token_logits,
)
from lsr.encoders import Backend, Precision, load_encoder, reload_encoder
from lsr.encoders.method import Activation, CausalWeighting
from lsr.encoders.named_methods import Weights, named_methods
from lsr.errors import ConfigError, UnsupportedModelError
from tiny_models import save_tiny_model

Vector = NDArray[Any]
Formula = Callable[[Path, str], Vector]
TEXTS = ["sparse retrieval with learned weights", "water", "search the search of the search"]
N_TERMS = 141


def presence(folder: Path, text: str) -> Vector:
    weights = np.zeros(N_TERMS)
    weights[text_ids(folder, text)] = 1
    return weights


def mlm(tokens: slice) -> Formula:
    def formula(folder: Path, text: str) -> Vector:
        return np.log(1 + np.maximum(token_logits(folder, text)[tokens], 0)).max(0)

    return formula


def mlp(activation: str, saturation: int, *, summed: bool) -> Formula:
    def formula(folder: Path, text: str) -> Vector:
        kind = Activation(activation)
        return of_tokens(folder, text, kind, saturation, summed=summed, n_terms=N_TERMS)

    return formula


def summed_mlm(folder: Path, text: str) -> Vector:
    return np.log(1 + np.maximum(token_logits(folder, text), 0)).sum(0)


def lexical(folder: Path, text: str) -> Vector:
    return mlm(ALL)(folder, text) * presence(folder, text)


def heaviest(n_kept: int, formula: Formula) -> Formula:
    def kept(folder: Path, text: str) -> Vector:
        weights = formula(folder, text)
        return np.where(weights >= np.sort(weights)[-n_kept], weights, 0)

    return kept


ALL, WITHOUT_SPECIAL, FIRST = slice(None), slice(1, -1), slice(1)
SPLADE, FRAMEWORK = mlm(ALL), mlm(WITHOUT_SPECIAL)
FORMULAS: dict[str, tuple[Formula, Formula]] = {
    "splade-v1": (summed_mlm, summed_mlm),
    "splade-max": (SPLADE, SPLADE),
    "distilsplade-max": (SPLADE, SPLADE),
    "splade-doc": (presence, SPLADE),
    "splade-lexical": (lexical, SPLADE),
    "splade-top-k": (heaviest(5, SPLADE), heaviest(32, SPLADE)),
    "distilsplade-sep": (FRAMEWORK, FRAMEWORK),
    "qmlp-dmlm": (mlp("relu", 1, summed=True), FRAMEWORK),
    "qmlm-dmlp": (FRAMEWORK, mlp("relu", 1, summed=False)),
    "qmlm-dbin": (FRAMEWORK, presence),
    "qmlp-dbin": (mlp("relu", 1, summed=True), presence),
    "deepct": (mlp("identity", 0, summed=True), mlp("identity", 0, summed=False)),
    "unicoil": (mlp("relu", 0, summed=True), mlp("relu", 0, summed=False)),
    "deepimpact": (presence, mlp("relu", 0, summed=False)),
    "tilde-v2": (presence, mlp("relu", 0, summed=False)),
    "tilde": (presence, mlm(FIRST)),
    "epic": (mlp("softplus", 1, summed=True), of_epic),
    "sparta": (presence, FRAMEWORK),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two networks with all heads: at the top that of documents, in a folder that of queries."""
    folder = save_tiny_model(tmp_path_factory.mktemp("methods") / "model")
    save_tiny_model(folder / "queries", seed=1)
    save_heads(folder)
    save_heads(folder / "queries")
    return folder


def write_encoder_file(folder: Path, query_folder: str, **queries: Any) -> Path:
    side = {"weighting": {"type": "vocabulary"}}
    entries = {
        "documents": {"side": side},
        "queries": {"side": side, "folder": query_folder, **queries},
    }
    (folder / "lsr.json").write_text(json.dumps({"version": 1, **entries}))
    return folder


def test_every_method_is_tested() -> None:
    causal = {
        name
        for name, method in named_methods().items()
        if isinstance(method.documents.weighting, CausalWeighting)  # decoder/test_decoder_methods
    }
    assert FORMULAS.keys() == named_methods().keys() - causal


@pytest.mark.parametrize("name", FORMULAS)
def test_vectors_are_those_of_the_formula(model: Path, name: str) -> None:
    is_separate = named_methods()[name].weights is Weights.SEPARATE
    query_folder = "queries" if is_separate else "."
    write_encoder_file(model, query_folder)

    encoder = load_encoder(
        str(model), method=name, precision=Precision.FLOAT32, backend=Backend.TORCH
    )

    for folder, vectors, formula in (
        (model / query_folder, encoder.encode_queries(TEXTS), FORMULAS[name][0]),
        (model, encoder.encode_documents(TEXTS), FORMULAS[name][1]),
    ):
        expected = np.stack([formula(folder, text) for text in TEXTS])
        np.testing.assert_allclose(vectors.to_scipy().toarray(), expected, rtol=0, atol=1e-5)
        assert vectors.nnz > 0


@pytest.mark.parametrize("name", FORMULAS)
def test_a_method_is_described_by_its_source(name: str) -> None:
    method = named_methods()[name]

    assert method.source.endswith(tuple("0123456789")) or "; passages expanded by" in method.source
    assert method.documents.prefix == method.queries.prefix == ""


def test_a_method_is_remembered(tiny_models: dict[str, Path]) -> None:
    encoder = load_encoder(str(tiny_models["bert"]), method="splade-doc", max_length=32)

    again = reload_encoder(encoder.settings, Backend.AUTO)

    assert encoder.settings["method"] == "splade-doc"
    assert encoder.settings["queries"]["weighting"] == {"type": "presence", "weight": 1.0}
    assert again.settings == encoder.settings
    assert again.decode(again.encode_queries(["the river [SEP]"])) == [{"the": 1.0, "river": 1.0}]


def test_a_table_of_query_weights_comes_before_the_method(
    tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    table = tmp_path / "idf.json"
    table.write_text('{"river": 2.5}')

    encoder = load_encoder(str(tiny_models["bert"]), method="splade-v1", query_weights=table)

    assert encoder.decode(encoder.encode_queries(["the river"])) == [{"river": 2.5}]
    assert encoder.settings["documents"]["weighting"]["pooling"] == "sum"


def test_queries_of_a_model_with_a_table_can_be_read_by_its_network(
    tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_models["bert"], tmp_path / "model"))
    (folder / "queries").mkdir()
    shutil.copy(folder / "tokenizer.json", folder / "queries")
    (folder / "queries" / "idf.json").write_text('{"river": 2.5}')
    table = {"side": {"weighting": {"type": "table"}}, "table": "queries/idf.json"}
    write_encoder_file(folder, "queries", **table)
    assert load_encoder(str(folder)).encode_queries(["the river"]).weights.tolist() == [2.5]

    encoder = load_encoder(str(folder), method="splade-max", backend=Backend.NATIVE)

    found = encoder.encode_queries(TEXTS).to_scipy().toarray()
    np.testing.assert_array_equal(found, encoder.encode_documents(TEXTS).to_scipy().toarray())


def test_an_unknown_method_is_refused_with_near_names(tiny_models: dict[str, Path]) -> None:
    with pytest.raises(ConfigError, match=r"no method 'spladedoc'; did you mean splade-doc"):
        load_encoder(str(tiny_models["bert"]), method="spladedoc")
    with pytest.raises(ConfigError, match=r"did you mean splade-v1, .*sparta, .*multi\?"):
        load_encoder(str(tiny_models["bert"]), method="xyz")


def test_a_method_without_its_head_is_refused(tiny_models: dict[str, Path]) -> None:
    encoder = load_encoder(str(tiny_models["bert"]), method="deepimpact")

    with pytest.raises(UnsupportedModelError, match="has no token head, from which its weights"):
        encoder.encode_documents(["water"])


def test_a_method_of_two_networks_needs_two(tiny_models: dict[str, Path], model: Path) -> None:
    with pytest.raises(UnsupportedModelError, match=r"has separate networks .* are shared"):
        load_encoder(str(tiny_models["bert"]), method="distilsplade-sep")
    with pytest.raises(UnsupportedModelError, match=r"has shared networks .* are separate"):
        load_encoder(str(write_encoder_file(model, "queries")), method="splade-max")
