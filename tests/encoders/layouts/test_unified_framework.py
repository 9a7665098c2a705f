import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from framework_formulas import A, B, of_epic, of_tokens, text_ids, token_logits
from lsr.encoders import Backend, Precision, load_encoder
from lsr.encoders.layouts import check_checkpoint
from lsr.encoders.method import Activation
from lsr.errors import ModelNotFoundError, UnsupportedModelError

TEXTS = ["sparse retrieval with learned weights", "water", "the river of the island, the river"]
Save = Callable[..., Path]


@pytest.fixture
def base(tiny_models: dict[str, Path]) -> Path:
    return tiny_models["distilbert"]


@pytest.fixture
def save(base: Path, tmp_path: Path) -> Save:
    """Saves one tower as the framework does: its own config, and tensors below ``model.``."""

    def saved(kind: str, name: str = "model", **config: Any) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True, exist_ok=True)
        said = {"model_type": kind, "tf_base_model_name_or_dir": str(base), **config}
        (folder / "config.json").write_text(json.dumps(said))
        tensors = load_file(base / "model.safetensors")
        if kind == "MLP":
            tensors = {
                name.removeprefix("distilbert."): tensor
                for name, tensor in tensors.items()
                if name.startswith("distilbert.")
            }
        tensors = {f"model.{name}": tensor for name, tensor in tensors.items()}
        layers = {"MLP": ["linear"], "MLM": ["term_importance.linear", "doc_quality.linear"]}
        for layer in layers.get(kind, []):
            tensors |= {f"{layer}.weight": A[None], f"{layer}.bias": np.array([B], np.float32)}
        if kind == "BINARY":
            tensors = {"scale": np.array(0.3, np.float32)}
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return folder

    return saved


def assert_weights(found: Any, formula: Callable[[str], Any]) -> None:
    expected = np.stack([formula(text) for text in TEXTS])
    np.testing.assert_allclose(found.to_scipy().toarray(), expected, rtol=0, atol=1e-5)
    assert found.nnz > len(TEXTS)


@pytest.mark.parametrize("kind", ["MLM", "SPLADE"])
@pytest.mark.parametrize("backend", [Backend.NATIVE, Backend.TORCH])
def test_logits_are_pooled_without_special_tokens(
    save: Save, base: Path, kind: str, backend: Backend
) -> None:
    encoder = load_encoder(str(save(kind)), backend=backend, precision=Precision.FLOAT32)

    def formula(text: str) -> Any:
        return np.log(1 + np.maximum(token_logits(base, text)[1:-1], 0)).max(0)

    assert_weights(encoder.encode_documents(TEXTS), formula)
    assert_weights(encoder.encode_queries(TEXTS), formula)


def test_the_configuration_says_activation_norm_and_pooling(save: Save, base: Path) -> None:
    folder = save("MLM", activation="identity", norm="identity", pool="abs")

    encoder = load_encoder(str(folder), precision=Precision.FLOAT32)

    def formula(text: str) -> Any:
        logits = token_logits(base, text)[1:-1]
        largest = logits[np.abs(logits).argmax(0), np.arange(logits.shape[1])]
        return np.maximum(largest, 0)

    assert_weights(encoder.encode_documents(TEXTS), formula)


def test_the_first_token_alone_weighs_every_term(save: Save, base: Path) -> None:
    encoder = load_encoder(str(save("CLS_MLM")))

    def formula(text: str) -> Any:
        return np.log(1 + np.maximum(token_logits(base, text)[0], 0))

    assert_weights(encoder.encode_documents(TEXTS), formula)


def test_repeats_are_summed_in_queries_and_not_in_documents(save: Save, base: Path) -> None:
    encoder = load_encoder(str(save("MLP")))
    n_terms = len(encoder.tokens)

    def formula(summed: bool) -> Callable[[str], Any]:
        return lambda text: of_tokens(
            base, text, Activation.RELU, 1, summed=summed, n_terms=n_terms
        )

    assert_weights(encoder.encode_queries(TEXTS), formula(True))
    assert_weights(encoder.encode_documents(TEXTS), formula(False))


def test_epic_has_its_importance_and_quality(save: Save, base: Path) -> None:
    parts = {"term_importance": "epic", "doc_quality": "epic"}
    folder = save("MLM", activation="softplus", **parts)

    encoder = load_encoder(str(folder), precision=Precision.FLOAT32)

    # The rule keeps 1,000 terms, and the vocabulary has fewer.
    assert_weights(encoder.encode_documents(TEXTS), lambda text: of_epic(base, text))
    assert encoder.settings["documents"]["prune"] == "top_k:1000"


def test_one_tower_may_lie_at_the_top_and_the_other_in_a_folder(save: Save, base: Path) -> None:
    folder = save("MLM")
    save("BINARY", "model/query_encoder")

    encoder = load_encoder(str(folder))

    queries = encoder.encode_queries(TEXTS).to_scipy().toarray()
    for row, text in zip(queries, TEXTS, strict=True):
        assert set(np.flatnonzero(row)) == set(text_ids(base, text))
        assert set(row[row > 0]) == {np.float32(0.3)}


@pytest.mark.parametrize("shared", [True, False])
def test_towers_may_lie_in_folders(save: Save, tmp_path: Path, shared: bool) -> None:
    for name in ["shared_encoder"] if shared else ["query_encoder", "doc_encoder"]:
        save("MLM", f"model/{name}")
    folder = tmp_path / "model"
    (folder / "config.json").write_text(json.dumps({"model_type": "DualEncoder", "shared": shared}))

    checkpoint = check_checkpoint(folder)

    names = (checkpoint.documents.folder.name, checkpoint.queries.folder.name)
    expected = ("shared_encoder",) * 2 if shared else ("doc_encoder", "query_encoder")
    assert names == expected


def test_a_tokenizer_of_its_own_comes_first(save: Save, base: Path) -> None:
    folder = save("MLM")
    (folder / "tokenizer").mkdir()
    shutil.copy(base / "tokenizer.json", folder / "tokenizer")

    assert check_checkpoint(folder).documents.tokenizer == folder / "tokenizer"


def test_half_a_pair_is_refused_though_its_sides_differ(save: Save) -> None:
    folder = save("MLP", "asm_query_encoder")

    with pytest.raises(UnsupportedModelError, match="was trained to encode queries alone"):
        load_encoder(str(folder))


def test_a_tower_that_names_no_base_model_is_refused(save: Save, tmp_path: Path) -> None:
    save("MLM", "model/shared_encoder")
    for folder, said in (
        ("model", {"model_type": "DualEncoder"}),
        ("model/shared_encoder", {"model_type": "MLM"}),
    ):
        (tmp_path / folder / "config.json").write_text(json.dumps(said))

    with pytest.raises(UnsupportedModelError, match="does not name its base model"):
        check_checkpoint(tmp_path / "model")


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"activation": "tanh"}, r"sets activation to 'tanh', not one of relu, softplus"),
        ({"norm": "sqrt"}, r"sets norm to 'sqrt', not one of log1p"),
        ({"pool": "mean"}, r"sets pool to 'mean', not one of max, sum, abs"),
        ({"term_importance": "tfidf"}, r"sets term_importance to 'tfidf'"),
    ],
)
def test_what_the_framework_does_not_have_is_refused(
    save: Save, config: dict[str, str], reason: str
) -> None:
    with pytest.raises(UnsupportedModelError, match=reason):
        check_checkpoint(save("MLM", **config))


def test_a_base_model_that_is_not_there_is_named(save: Save) -> None:
    folder = save("MLM", tf_base_model_name_or_dir="./nowhere")

    with pytest.raises(ModelNotFoundError, match=r"tokenizer of './nowhere', which is not there: "):
        check_checkpoint(folder)


def test_a_pair_without_its_towers_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "DualEncoder"}))

    with pytest.raises(UnsupportedModelError, match="of type 'DualEncoder', not one of MLM"):
        check_checkpoint(tmp_path)


def test_masked_logits_of_softplus_weigh_nothing(save: Save, base: Path) -> None:
    """Zeros from a mask before softplus would weigh log(1 + log 2) in every term of every text."""
    encoder = load_encoder(str(save("SPLADE", activation="softplus")), precision=Precision.FLOAT32)

    def formula(text: str) -> Any:
        return np.log(1 + np.log(1 + np.exp(token_logits(base, text)[1:-1]))).max(0)

    assert_weights(encoder.encode_documents(TEXTS), formula)
    assert formula("water").min() < np.log(1 + np.log(2)) / 2
