import importlib.util
from pathlib import Path

import numpy as np
import pytest

from lsr.eval.bench.agreement import agreement
from lsr.eval.bench.encode_timing import warmed_up
from lsr.eval.bench.encoders.base import Contestant, Task, is_installed
from lsr.eval.bench.encoders.pooling import active_rows, pooled, rows_as_batch
from lsr.eval.bench.encoders.registry import LIBRARIES, OURS, PEERS, REFERENCES
from lsr.eval.bench.muting import muted
from lsr.eval.bench.workloads import Workloads
from tiny_models import save_tiny_model

WORKLOADS = Workloads(
    ["sparse retrieval", "the water of the ocean and the river", "a garden", *["letter"] * 7],
    ["a garden in summer " * 20],
    ["query", "which river"],
)
MAX_LENGTH = 32
TOLERANCE = {"float32": 1e-4, "bfloat16": 0.1, "int8": 0.5}
"""Of weights around 2; with 16 numbers a token, 8 bits average out less than in real models."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("models") / "bert")


def test_contestants_have_names_of_their_own() -> None:
    names = [one.name for one in (*OURS, *PEERS)]

    assert len(set(names)) == len(names)
    assert set(REFERENCES) <= set(names)
    assert all(name.endswith("float32") for name in REFERENCES)


@pytest.mark.slow
@pytest.mark.parametrize("contestant", [*OURS, *PEERS], ids=lambda one: one.name)
def test_every_contestant_gives_the_reference_vectors(
    contestant: Contestant, model: Path, tmp_path: Path
) -> None:
    for needed in (contestant, PEERS[0]):
        if why := needed.why_missing():
            pytest.skip(why)
    task = Task(model, MAX_LENGTH, 2, tmp_path)

    with muted():
        vectors = warmed_up(contestant.open(task), WORKLOADS)
        reference = warmed_up(PEERS[0].open(task), WORKLOADS)

    assert len(vectors) == 13
    found = agreement(vectors, reference)
    assert found.largest_difference <= TOLERANCE[contestant.name.split()[-1]]
    if contestant.name.endswith("float32"):
        assert found.n_differing_terms == 0


def test_pooling_leaves_padding_out() -> None:
    logits = np.array([[[-1, 2, 0], [3, 1, -2]], [[-1, 0.5, -3], [9, 9, 9]]], dtype=np.float32)
    mask = np.array([[1, 1], [1, 0]])

    batch = rows_as_batch(active_rows(pooled(logits, mask)))

    np.testing.assert_allclose(
        batch.to_scipy().toarray(), np.log1p([[3.0, 2.0, 0.0], [0.0, 0.5, 0.0]]), rtol=1e-6
    )


def test_what_is_not_installed_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    reasons = {one.name: str(one.why_missing()) for one in (*OURS, *PEERS)}

    assert reasons["lsr native int8"] == reasons["lsr native float32"] == "None"
    assert reasons["lsr torch float32"].endswith('pip install "lsr-engine[encode]"')
    assert reasons["transformers float32"].endswith('pip install "lsr-engine[encode]"')
    assert reasons["onnxruntime float32"].endswith('pip install "lsr-engine[bench]"')
    assert reasons["openvino float32"].endswith('pip install "openvino"')
    assert all("is not installed" in reasons[peer.name] for peer in PEERS)


def test_backends_of_sentence_transformers_need_optimum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name.startswith("optimum") else object()
    )

    reasons = {one.name: str(one.why_missing()) for one in PEERS}

    assert "optimum-onnx is not installed" in reasons["sentence-transformers onnx float32"]
    assert "optimum-intel is not installed" in reasons["sentence-transformers openvino float32"]
    assert reasons["sentence-transformers float32"] == "None"


def test_emulated_bfloat16_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr("lsr.encoders.precision._has_native_bfloat16", lambda: False)

    emulated = [one.name for one in (*OURS, *PEERS) if "bfloat16" in str(one.why_missing())]

    assert emulated == [one.name for one in (*OURS, *PEERS) if "bfloat16" in one.name]


def test_a_module_below_one_that_is_missing_is_missing() -> None:
    assert not is_installed("no_such_package.below")
    assert is_installed("lsr.sparse")


def test_every_peer_is_of_a_library_that_can_be_named() -> None:
    assert LIBRARIES == ("sentence-transformers", "transformers", "onnxruntime", "openvino")
