import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest

from lsr.eval.bench.engines.anserini import JAR_VARIABLE, Anserini
from lsr.eval.bench.engines.registry import ENGINES, OURS
from lsr.eval.bench.muting import muted
from lsr.eval.bench.truth import best_scores, grade
from lsr.kernels.algorithm import Algorithm
from lsr.sparse import SparseBatch

N_VARIANTS = {
    OURS: len(Algorithm),
    "pisa": 5,
    "bmp": 4,
    "seismic": 11,
    "splade-index": 1,
    "anserini": 1,
}
K = 10


def test_every_engine_is_expected() -> None:
    assert set(N_VARIANTS) == set(ENGINES)


@pytest.mark.slow
@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_agrees_with_brute_force(name: str, tmp_path: Path) -> None:
    engine = ENGINES[name]()
    if why := engine.why_missing():
        pytest.skip(f"{name}: {why}")
    rng = np.random.default_rng(5)
    dense = rng.integers(1, 256, (200, 40)) * (rng.random((200, 40)) < 0.3)
    dense[17] = 0
    asked = rng.integers(1, 256, (20, 40)) * (rng.random((20, 40)) < 0.2)
    asked[:, 0] = 1
    vectors, queries = SparseBatch.from_matrix(dense), SparseBatch.from_matrix(asked)

    with muted():
        engine.build(vectors, tmp_path)
        variants = engine.open(tmp_path)
        single = [engine.prepare(queries.slice(row, row + 1)) for row in range(len(queries))]
        answers = [[variant.search(query, K) for query in single] for variant in variants]
        for variant in variants:
            if variant.search_all:
                variant.search_all(engine.prepare(queries), K, 2)

    assert sum(file.stat().st_size for file in engine.files(tmp_path)) > 0
    grades = grade(vectors, queries, best_scores(vectors, queries, K), answers)
    assert len({variant.name for variant in variants}) == N_VARIANTS[name]
    for variant, found in zip(variants, grades, strict=True):
        assert not variant.exact or not found.differs.any(), variant.name
        assert found.recall.mean() > (0.99 if variant.exact else 0.3), variant.name


def test_an_engine_that_is_not_installed_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    for name in ("pisa", "bmp", "seismic", "splade-index"):
        assert str(ENGINES[name]().why_missing()).endswith('pip install "lsr-engine[bench]"')


def test_anserini_needs_a_jar_and_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(JAR_VARIABLE, raising=False)
    assert "does not name Anserini's fat jar" in str(Anserini().why_missing())

    monkeypatch.setenv(JAR_VARIABLE, str(tmp_path / "no.jar"))
    assert "no.jar, which is no file" in str(Anserini().why_missing())

    (tmp_path / "no.jar").write_bytes(b"")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert Anserini().why_missing() == "there is no java on the PATH"
