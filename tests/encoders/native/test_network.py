"""transformers computes the same models with torch: it says what the native network must give."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from lsr.corpus import read_documents
from lsr.encoders import Backend, Precision, load_encoder
from lsr.encoders.native.architecture import architecture_of
from lsr.errors import UnsupportedModelError
from lsr.sparse import SparseBatch
from tiny_models import KINDS, WORDS, save_tiny_model

Copy = Callable[[], Path]
NATIVE, TORCH = Backend.NATIVE, Backend.TORCH


def texts(n_texts: int, seed: int = 3) -> list[str]:
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(WORDS, random.integers(1, 60))) for _ in range(n_texts)]


def encoded(folder: Path, backend: Backend, documents: list[str]) -> SparseBatch:
    encoder = load_encoder(str(folder), precision=Precision.FLOAT32, backend=backend)
    return encoder.encode_documents(documents)


def change_config(folder: Path, **changes: Any) -> Path:
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
    return folder


def change_weights(folder: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    tensors = load_file(folder / "model.safetensors")
    save_file(change(tensors) or tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def assert_as_torch(folder: Path, documents: list[str]) -> None:
    ours, theirs = (encoded(folder, one, documents).to_scipy() for one in (NATIVE, TORCH))
    assert theirs.nnz > 0
    # float32 sums in another order, of logits of size 10.
    assert abs(ours - theirs).max() < 5e-5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [1, 2])
def test_every_family_gives_what_torch_gives(tmp_path: Path, kind: str, seed: int) -> None:
    assert_as_torch(save_tiny_model(tmp_path, kind, seed=seed), texts(25))


@pytest.mark.parametrize("activation", ["gelu_python", "gelu_new", "gelu_pytorch_tanh", "relu"])
def test_every_activation_gives_what_torch_gives(spoilt_copy: Copy, activation: str) -> None:
    assert_as_torch(change_config(spoilt_copy(), hidden_act=activation), texts(5))


def test_the_head_of_roberta_keeps_its_own_activation(
    tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_models["roberta"], tmp_path / "model"))

    assert_as_torch(change_config(folder, hidden_act="relu"), texts(5))


@pytest.mark.parametrize("kind", ["roberta", "xlm-roberta"])
def test_padding_that_somebody_typed_has_no_position_of_its_own(
    tiny_models: dict[str, Path], kind: str
) -> None:
    assert_as_torch(tiny_models[kind], ["the <pad> ocean <pad> <pad> water", "<pad>"])


def test_a_decoder_of_its_own_is_used(spoilt_copy: Copy) -> None:
    def untie(tensors: dict[str, Any]) -> None:
        words = tensors["bert.embeddings.word_embeddings.weight"]
        tensors["cls.predictions.decoder.weight"] = words.flip(0).contiguous()
        tensors["cls.predictions.decoder.bias"] = tensors["cls.predictions.bias"] + 0.5

    folder = change_weights(spoilt_copy(), untie)

    assert_as_torch(change_config(folder, tie_word_embeddings=False), texts(5))


def test_of_tied_tables_the_decoder_may_be_the_one_stored(spoilt_copy: Copy) -> None:
    def rename(tensors: dict[str, Any]) -> None:
        words = tensors.pop("bert.embeddings.word_embeddings.weight")
        tensors["cls.predictions.decoder.weight"] = words

    assert_as_torch(change_weights(spoilt_copy(), rename), texts(5))


@pytest.mark.parametrize(("stored", "absent"), [("weight", "bias"), ("bias", "weight")])
def test_a_decoder_that_is_not_tied_must_be_stored_whole(
    spoilt_copy: Copy, stored: str, absent: str
) -> None:
    tied = {
        "weight": "bert.embeddings.word_embeddings.weight",
        "bias": "cls.predictions.bias",
    }

    def untie(tensors: dict[str, Any]) -> None:
        tensors[f"cls.predictions.decoder.{stored}"] = tensors[tied[stored]].clone()

    folder = change_config(change_weights(spoilt_copy(), untie), tie_word_embeddings=False)

    with pytest.raises(UnsupportedModelError, match=rf"lack 'cls\.predictions\.decoder\.{absent}'"):
        load_encoder(str(folder), backend=NATIVE)


def test_layer_norms_may_have_their_old_names(spoilt_copy: Copy) -> None:
    def rename(tensors: dict[str, Any]) -> dict[str, Any]:
        new = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
        return {
            next((k.replace(a, b) for a, b in new.items() if a in k), k): v
            for k, v in tensors.items()
        }

    assert_as_torch(change_weights(spoilt_copy(), rename), texts(5))


def test_half_precision_in_several_files_gives_what_torch_gives(
    spoilt_copy: Copy, tmp_path: Path
) -> None:
    import transformers

    folder = spoilt_copy()
    model = transformers.BertForMaskedLM.from_pretrained(folder).bfloat16()
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="4KB")

    assert len(list(folder.glob("*.safetensors"))) > 1
    assert_as_torch(folder, texts(5))


@pytest.mark.parametrize(
    "name",
    [
        "bert.embeddings.position_embeddings.weight",
        "bert.encoder.layer.1.attention.self.key.bias",
        "bert.encoder.layer.0.output.LayerNorm.weight",
        "cls.predictions.transform.dense.weight",
    ],
)
def test_missing_and_misshapen_tensors_are_named(spoilt_copy: Copy, name: str) -> None:
    folder = change_weights(spoilt_copy(), lambda tensors: {**tensors, name: tensors[name][1:]})
    with pytest.raises(UnsupportedModelError, match=f"hold '{name}' in the shape"):
        load_encoder(str(folder), backend=NATIVE)

    change_weights(folder, lambda tensors: {k: v for k, v in tensors.items() if k != name})
    with pytest.raises(UnsupportedModelError, match=f"lack '{name}'"):
        load_encoder(str(folder), backend=NATIVE)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_attention_heads": 3}, "is 3, which does not divide its hidden_size of 16"),
        ({"hidden_size": "16"}, "sets hidden_size to '16'"),
        ({"num_hidden_layers": 0}, "sets num_hidden_layers to 0"),
        ({"vocab_size": None}, "sets vocab_size to None"),
    ],
)
def test_impossible_shapes_are_refused(
    tiny_models: dict[str, Path], changes: dict[str, Any], message: str
) -> None:
    config = json.loads((tiny_models["bert"] / "config.json").read_text())

    with pytest.raises(UnsupportedModelError, match=message):
        architecture_of({**config, **changes})


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_give_nearly_the_same(tiny_models: dict[str, Path], kind: str) -> None:
    folder, documents = str(tiny_models[kind]), texts(40)
    exact, rounded = (
        load_encoder(folder, precision=one, backend=NATIVE).encode_documents(documents).to_scipy()
        for one in (Precision.FLOAT32, Precision.INT8)
    )

    difference = np.abs((exact - rounded).toarray())
    # Tokens and weights in 8 bits: a percent of a logit, and a random network keeps little of it.
    assert 0 < difference.mean() < 0.03
    assert abs(exact.nnz - rounded.nnz) < 0.03 * exact.nnz


@pytest.mark.slow
def test_bytes_keep_the_vectors_of_a_trained_model(
    splade_tiny: Path, shared_data: Path, evidence: Callable[[str], None]
) -> None:
    documents = [
        one.full_text
        for batch in read_documents(str(shared_data / "scifact"))
        for one in batch.documents
    ][:300]
    exact, rounded = (
        load_encoder(str(splade_tiny), precision=one, backend=NATIVE)
        .encode_documents(documents)
        .to_scipy()
        for one in (Precision.FLOAT32, Precision.INT8)
    )

    error = np.sqrt((exact - rounded).power(2).sum() / exact.power(2).sum())
    evidence(
        f"native int8 beside float32 on {len(documents)} documents of SciFact: relative error of "
        f"the vectors {error:.4f}, terms a document {rounded.nnz / exact.nnz - 1:+.2%}"
    )
    assert error < 0.02
    assert rounded.nnz == pytest.approx(exact.nnz, rel=0.01)


@pytest.mark.slow
def test_a_fifth_of_scifact_is_encoded_as_by_torch(
    splade_tiny: Path, shared_data: Path, evidence: Callable[[str], None]
) -> None:
    documents = [
        one.full_text
        for batch in read_documents(str(shared_data / "scifact"))
        for one in batch.documents
    ][::5]

    ours, theirs = (encoded(splade_tiny, one, documents).to_scipy() for one in (NATIVE, TORCH))

    difference = abs(ours - theirs)
    only_one = (ours > 0) != (theirs > 0)
    largest_alone = (only_one.multiply(ours + theirs)).max()
    evidence(
        f"native float32 beside torch float32 on SciFact: {len(documents)} documents, largest "
        f"weight difference {difference.max():.2e}, {only_one.nnz} terms active in one alone, "
        f"the largest of weight {largest_alone:.2e}"
    )
    assert difference.max() < 1e-4
    assert largest_alone < 1e-4
