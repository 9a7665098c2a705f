import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from lsr.compression.calibrated_network import weighting_of
from lsr.encoders import Backend, Precision, load_encoder
from lsr.encoders.compressed import (
    FILE,
    NOT_COMPRESSED,
    Compression,
    reachable_terms,
    read_compression,
)
from lsr.encoders.native import load_native_network
from lsr.encoders.native.layers import ByLength, Int8Blocks, Int8Dense
from lsr.encoders.pairing import find_model
from lsr.errors import UnsupportedModelError
from lsr.kernels.transformer import block_share
from lsr.sparse import SparseBatch
from tiny_models import WORDS, save_tiny_model

LAYERS = "bert.encoder.layer."


def say(folder: Path, **changes: Any) -> Path:
    said = {"version": 1, "blocks": {}, "n_dropped_terms": 0} | changes
    (folder / FILE).write_text(json.dumps(said))
    return folder


def prune(folder: Path, share: float) -> dict[str, float]:
    """Remove blocks from every matrix of the layers; return what is left."""
    random = np.random.default_rng(1)
    tensors, shares = load_file(folder / "model.safetensors"), {}
    for name, tensor in tensors.items():
        if name.startswith(LAYERS) and tensor.ndim == 2:
            removed = random.random((tensor.shape[0] // 4, tensor.shape[1])) < share
            tensors[name] = np.where(np.repeat(removed, 4, axis=0), np.float32(0), tensor)
            shares[name.removesuffix(".weight")] = block_share(tensors[name])
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return shares


def encoded(
    folder: Path, precision: Precision, backend: Backend = Backend.NATIVE, n_texts: int = 12
) -> SparseBatch:
    random = np.random.default_rng(3)
    texts = [" ".join(random.choice(WORDS, random.integers(1, 12))) for _ in range(n_texts)]
    return load_encoder(str(folder), precision=precision, backend=backend).encode_documents(texts)


def test_blocks_give_what_torch_gives_for_the_same_weights(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path, "bert", seed=1)
    say(folder, blocks=prune(folder, 0.8))

    ours, theirs = (
        encoded(folder, Precision.FLOAT32, one).to_scipy()
        for one in (Backend.NATIVE, Backend.TORCH)
    )

    assert theirs.nnz > 0
    # float32 sums in another order, of logits of size 10.
    assert abs(ours - theirs).max() < 5e-5


@pytest.mark.parametrize("removed", [0.55, 0.8])
@pytest.mark.parametrize("n_texts", [1, 12])
def test_blocks_of_bytes_give_what_the_whole_matrices_give(
    tmp_path: Path, removed: float, n_texts: int
) -> None:
    folder = save_tiny_model(tmp_path, "bert", seed=1)
    shares = prune(folder, removed)
    whole = encoded(folder, Precision.INT8, n_texts=n_texts).to_scipy()

    say(folder, blocks=shares)
    blocks = encoded(folder, Precision.INT8, n_texts=n_texts).to_scipy()

    assert whole.nnz > 0
    assert abs(whole - blocks).max() == 0


def test_a_query_is_multiplied_with_whole_bytes_where_half_is_left(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path, "bert", seed=1)
    say(folder, blocks=prune(folder, 0.55))
    files = find_model(str(folder)).checkpoint.documents

    network = load_native_network(files, weighting_of(files), Precision.INT8)

    layer = network.layers[0].up
    assert isinstance(layer, ByLength)
    assert isinstance(layer.short, Int8Dense)
    assert isinstance(layer.long, Int8Blocks)


@pytest.mark.parametrize(
    ("precision", "share", "pays"),
    [
        (Precision.FLOAT32, 0.7, True),
        (Precision.FLOAT32, 0.8, False),
        (Precision.INT8, 0.5, True),
        (Precision.INT8, 0.7, False),
    ],
)
def test_blocks_are_used_where_they_are_faster(
    precision: Precision, share: float, pays: bool
) -> None:
    removed = Compression({"query": share, "key": share}, 0)

    assert removed.pays(["query", "key"], precision) is pays
    assert removed.pays(["query", "key"], precision, is_short=True) is (
        pays and precision is Precision.FLOAT32
    )
    assert not removed.pays(["another"], precision)


def test_terms_that_nothing_can_activate_are_left_out_and_change_no_vector(
    tmp_path: Path,
) -> None:
    folder = save_tiny_model(tmp_path, "bert", seed=1)
    tensors = load_file(folder / "model.safetensors")
    bias = tensors["cls.predictions.bias"]
    bias[10:30] = -1e4
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    all_terms = encoded(folder, Precision.FLOAT32).to_scipy()

    fewer = encoded(say(folder, n_dropped_terms=20), Precision.FLOAT32).to_scipy()

    assert all_terms.nnz > 0
    assert fewer.shape == all_terms.shape
    assert abs(all_terms - fewer).max() == 0
    assert all_terms[:, 10:30].nnz == 0


def test_a_literal_term_that_the_model_lacks_is_refused(tmp_path: Path) -> None:
    folder = say(save_tiny_model(tmp_path, "bert", seed=1), version=2, literal_terms=[5, 99_999])

    with pytest.raises(UnsupportedModelError, match="names term 99999"):
        encoded(folder, Precision.FLOAT32)


def test_only_terms_out_of_reach_are_left_out() -> None:
    """The largest logit of w over all z of length 3 is 3 |w| and 6 with gamma 2, plus bias."""
    rows = np.eye(9, dtype=np.float32)
    bias = np.full(9, -5.9, dtype=np.float32)
    bias[4:] = -6.1
    gamma, beta = np.full(9, 2, dtype=np.float32), np.zeros(9, dtype=np.float32)
    beta[8] = 0.2

    assert reachable_terms(rows, bias, gamma, beta).tolist() == [0, 1, 2, 3, 8]


def test_a_model_without_the_file_is_not_compressed(tmp_path: Path) -> None:
    assert read_compression(tmp_path) == NOT_COMPRESSED


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 3}, "is of version 3, but this version of lsr knows 2; update lsr"),
        ({"version": "1"}, "must hold 'version'"),
        ({"blocks": {"query": 1.5}}, "must hold 'version', shares of 'blocks'"),
        ({"blocks": []}, "shares of 'blocks'"),
        ({"n_dropped_terms": None}, "'n_dropped_terms'"),
        ({"literal_terms": [-1]}, "must hold 'version'"),
    ],
)
def test_a_file_that_is_not_understood_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UnsupportedModelError, match=message):
        read_compression(say(tmp_path, **changes))
