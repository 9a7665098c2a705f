import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from framework_formulas import A, B, of_tokens
from lsr.encoders import load_encoder
from lsr.encoders.layouts import check_checkpoint
from lsr.encoders.method import Activation
from lsr.errors import UnsupportedModelError

TEXTS = ["sparse retrieval [SEP] learned weights", "water", "search the search of the search"]


def unicoil(source: Path, folder: Path, body: str, head: str, **changes: Any) -> Path:
    """Save a model as the authors' module does, with these names before the tensors' own."""
    shutil.copytree(source, folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"architectures": ["UniCoilEncoder"], **changes}
    (folder / "config.json").write_text(json.dumps(config))
    tensors = {
        f"{body}{name.removeprefix('bert.')}": tensor
        for name, tensor in load_file(folder / "model.safetensors").items()
        if name.startswith("bert.")
    }
    tensors |= {f"{head}.weight": A[None], f"{head}.bias": np.array([B], np.float32)}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.mark.parametrize(
    ("body", "head"),
    [
        ("coil_encoder.", "tok_proj"),
        ("coil_encoder.bert.", "coil_encoder.tok_proj"),
        ("bert.", "tok_proj"),
    ],
)
def test_tokens_weigh_what_their_layer_says(
    tiny_models: dict[str, Path], tmp_path: Path, body: str, head: str
) -> None:
    folder = unicoil(tiny_models["bert"], tmp_path / "model", body, head)

    encoder = load_encoder(str(folder))

    for vectors, summed in (
        (encoder.encode_queries(TEXTS), True),
        (encoder.encode_documents(TEXTS), False),
    ):
        found = vectors.to_scipy().toarray()
        expected = np.stack(
            [
                of_tokens(
                    tiny_models["bert"],
                    text,
                    Activation.RELU,
                    0,
                    summed=summed,
                    n_terms=len(encoder.tokens),
                )
                for text in TEXTS
            ]
        )
        expected[:, encoder.tokens.index("[SEP]")] = 0
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
        assert np.count_nonzero(found) > 0


def test_a_pickled_model_is_refused_with_a_conversion_that_keeps_its_layer(
    tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    folder = unicoil(tiny_models["bert"], tmp_path / "model", "bert.", "tok_proj")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")

    with pytest.raises(UnsupportedModelError, match=r"never loaded.*safetensors\.torch\.save_file"):
        check_checkpoint(folder)


def test_a_model_without_the_layer_is_refused(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    folder = unicoil(tiny_models["bert"], tmp_path / "model", "bert.", "other")

    with pytest.raises(UnsupportedModelError, match=r"hold 0 tensors named \.\.\.tok_proj\.weight"):
        check_checkpoint(folder)
