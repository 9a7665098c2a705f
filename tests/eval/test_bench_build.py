import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import numpy as np
import pytest

from lsr.eval.bench.build import BuildError, build_apart, build_here
from lsr.eval.bench.engines.base import Variant
from lsr.eval.bench.engines.ours import Lsr
from lsr.eval.bench.stored_vectors import store_vectors
from lsr.sparse import SparseBatch

VECTORS = SparseBatch.from_rows([[(0, 1), (1, 255)], [(1, 200)]], n_terms=2)


class Counted:
    """Notes what it was asked to build."""

    package: ClassVar[str] = "counted"
    about: ClassVar[str] = ""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.cores: list[int] = []

    def why_missing(self) -> None:
        return None

    def build(self, vectors: SparseBatch, folder: Path) -> None:
        os.write(1, b"noise")
        self.sizes.append(len(vectors))
        self.cores.append(len(os.sched_getaffinity(0)))
        (folder / "index").write_bytes(b"123")

    def files(self, folder: Path) -> Iterable[Path]:
        return [folder / "index"]

    def open(self, folder: Path) -> Sequence[Variant]:
        return []

    def prepare(self, queries: SparseBatch) -> Any:
        return None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux binds threads to cores")
def test_a_small_build_warms_up_and_nothing_is_printed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    engine, folder = Counted(), tmp_path / "counted"

    build_here(engine, SparseBatch.from_matrix(np.ones((150, 2))), folder)

    assert engine.sizes == [100, 150]
    assert engine.cores == [1, 1]
    assert [path.name for path in folder.iterdir()] == ["index"]
    figures = msgspec.json.decode((tmp_path / "counted.json").read_bytes())
    assert figures["seconds"] >= 0
    assert figures["held_bytes"] > 1e6
    assert capfd.readouterr().out == ""


def test_another_process_builds_what_this_one_opens(tmp_path: Path) -> None:
    store_vectors([VECTORS], tmp_path / "vectors")

    build = build_apart("lsr", tmp_path / "vectors", tmp_path / "lsr")

    assert build.size_bytes == sum(file.stat().st_size for file in Lsr().files(tmp_path / "lsr"))
    assert build.seconds > 0
    assert build.peak_bytes is None or build.peak_bytes >= 0
    engine = Lsr()
    for variant in engine.open(tmp_path / "lsr"):
        found = variant.search(engine.prepare(VECTORS.slice(1, 2)), 2)
        assert found == [(0, 51000.0), (1, 40000.0)]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells another process's memory")
def test_the_memory_of_a_build_is_seen(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    dense = rng.integers(1, 256, (4000, 300))
    store_vectors([SparseBatch.from_matrix(dense)], tmp_path / "vectors")

    build = build_apart("lsr", tmp_path / "vectors", tmp_path / "lsr")

    # A posting waits for its segment in 8 bytes at least.
    assert build.peak_bytes
    assert dense.size * 4 < build.peak_bytes < 1e9


def test_a_failed_build_says_why(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"lsr built no index: exit code 1, FileNotFoundError"):
        build_apart("lsr", tmp_path / "nowhere", tmp_path / "lsr")
