from pathlib import Path

import numpy as np
import pytest

from lsr.encoders import Precision, load_encoder
from lsr.encoders.backend import Backend
from lsr.eval.bench.shapes import ACTIVE_TERMS, SHAPES, Shape, shaped_model

pytest.importorskip("cognition")
TINY = Shape(1, 32, 2)


def test_a_model_is_made_once_and_the_same_everywhere(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    model = shaped_model(TINY, tmp_path / "one")
    torch.rand(1)  # moves the random state of the process on
    made = (model / "model.safetensors").stat().st_mtime_ns

    again, elsewhere = shaped_model(TINY, tmp_path / "one"), shaped_model(TINY, tmp_path / "two")

    assert again == model
    assert (model / "model.safetensors").stat().st_mtime_ns == made
    weights = [(one / "model.safetensors").read_bytes() for one in (model, elsewhere)]
    assert weights[0] == weights[1]
    assert [path.name for path in (tmp_path / "one").iterdir()] == [model.name]


def test_texts_have_about_as_many_terms_as_trained_models_give_them(tmp_path: Path) -> None:
    model = shaped_model(TINY, tmp_path)
    encoder = load_encoder(str(model), backend=Backend.NATIVE, precision=Precision.FLOAT32)
    words = [token for token in encoder.tokens if token.isalpha() and len(token) > 3]
    draw = np.random.default_rng(1).choice
    texts = [" ".join(draw(words, 80)) for _ in range(10)]

    active = encoder.encode_documents(texts).active_dims.mean()

    assert ACTIVE_TERMS / 3 < active < ACTIVE_TERMS * 3


def test_shapes_have_their_models_numbers() -> None:
    assert SHAPES["random-bert-base"] == Shape(n_layers=12, hidden_size=768, n_heads=12)
