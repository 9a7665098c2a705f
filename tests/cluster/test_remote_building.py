"""Shards built and texts encoded by two machines are the same bytes, whatever dies."""

import importlib.util
import json
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from command import COMMAND, environment, tree
from lsr.cluster.building import finish, shards_to_build
from lsr.cluster.remote_building import build_remotely
from lsr.cluster.remote_encoding import encode_remotely
from lsr.encoders import Backend, load_encoder
from lsr.errors import DiskFullError, ServiceError
from lsr.index import shard_folder, write_lock
from ray_cluster import MARKS, NODE, when_building
from sharded_builds import build, plan, write_collection
from tiny_models import save_tiny_model

pytestmark = MARKS

N_DOCS = 8_000
N_TEXTS = int(os.environ.get("LSR_TEST_CLUSTER_TEXTS", "300"))
"""Texts of a build that is disturbed; 20,000 take minutes."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "docs.jsonl"
    write_collection(path, N_DOCS)
    return path


def _build(path: Path) -> None:
    """Build the shards that a plan lacks."""
    with write_lock(path):
        numbers, n_docs = shards_to_build(path)
        assert sum(build_remotely(path, numbers)) == n_docs
        shards_to_build(path)  # removes what the dead have left
        finish(path)


def _lsr(*arguments: str | Path, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [COMMAND, *arguments],
        cwd=cwd,
        env={**os.environ, **environment(), "OMP_NUM_THREADS": "1"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A shell's background job ignores Ctrl-C, and what it starts would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def _done(*arguments: str | Path, cwd: Path) -> str:
    with _lsr(*arguments, cwd=cwd) as process:
        stdout, stderr = process.communicate()
    assert process.returncode == 0, stderr
    return stdout


def test_a_full_disk_is_told_and_the_build_goes_on(
    cluster: Any, corpus: Path, tmp_path: Path
) -> None:
    undisturbed = tree(build(corpus, tmp_path / "undisturbed", 3).path)
    path = tmp_path / "idx"
    plan(corpus, path, 3)
    full: list[int] = []

    def fill_disk(process: int) -> None:
        full.append(process)
        resource.prlimit(process, resource.RLIMIT_FSIZE, (30_000, resource.RLIM_INFINITY))

    watch = when_building(path, 1, fill_disk)
    with pytest.raises(DiskFullError, match="shard-00001"):
        _build(path)
    watch.join()
    for process in full:
        no_limit = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(process, resource.RLIMIT_FSIZE, no_limit)
    assert not (shard_folder(path, 1)).exists()

    _build(path)

    assert tree(path) == undisturbed


def test_shards_of_texts_are_the_same_bytes_whoever_dies(
    cluster: Any, tmp_path: Path, shared_data: Path, evidence: Callable[[str], None]
) -> None:
    """A worker, then a machine, then the command itself; and --resume."""
    if importlib.util.find_spec("cognition") is None:
        pytest.skip("splade-tiny is not installed")
    import pyarrow.parquet

    passages = pyarrow.parquet.ParquetFile(shared_data / "passages-300k" / "passages.parquet")
    rows = next(passages.iter_batches(N_TEXTS)).to_pylist()
    (tmp_path / "texts.jsonl").write_text(
        "".join(
            json.dumps({"id": str(n), "text": row["text"]}) + "\n" for n, row in enumerate(rows)
        )
    )
    options = ("--model", "splade-tiny", "--shards", "6", "--engine", cluster.address)
    began = time.perf_counter()
    _done("index", "texts.jsonl", "--index", "calm", *options, cwd=tmp_path)
    calm_s = time.perf_counter() - began
    undisturbed = tree(tmp_path / "calm")

    def lose_machine(_: int) -> None:
        cluster.remove_node(cluster.worker_nodes.copy().pop(), allow_graceful=False)

    began = time.perf_counter()
    with _lsr("index", "texts.jsonl", "--index", "idx", *options, cwd=tmp_path) as driver:
        path = tmp_path / "idx"
        deaths = [
            when_building(path, 1, lambda process: os.kill(process, signal.SIGKILL)),
            when_building(path, 3, lose_machine),
            when_building(path, 5, lambda _: driver.kill()),
        ]
        deaths[1].join()
        cluster.add_node(**NODE)
        for death in deaths:
            death.join()
    assert driver.returncode == -signal.SIGKILL
    stdout = _done("index", "texts.jsonl", "--index", "idx", *options, "--resume", cwd=tmp_path)
    disturbed_s = time.perf_counter() - began

    assert tree(path) == undisturbed
    built = stdout.partition("built now: ")[2].partition(",")[0]
    assert int(built) < 6
    evidence(
        f"{N_TEXTS:,} texts encoded and indexed in 6 shards by two machines: {calm_s:.1f} s; with "
        f"a worker, a machine and the command killed once each, and resumed with {built} shards to "
        f"build: {disturbed_s:.1f} s, {disturbed_s - calm_s:+.1f} s"
    )


def test_ctrl_c_keeps_the_shards_that_are_complete(
    cluster: Any, corpus: Path, tmp_path: Path
) -> None:
    options = ("index", corpus, "--shards", "4", "--engine", cluster.address, "--index")
    _done(*options, "calm", cwd=tmp_path)
    with _lsr(*options, "idx", cwd=tmp_path) as driver:
        when_building(tmp_path / "idx", 2, lambda _: driver.send_signal(signal.SIGINT)).join()
        _, stderr = driver.communicate()

    assert driver.returncode == 130
    assert "repeat the command with --resume to go on" in stderr
    assert "Traceback" not in stderr
    _done(*options, "idx", "--resume", cwd=tmp_path)
    assert tree(tmp_path / "idx") == tree(tmp_path / "calm")


def test_vectors_are_the_same_bytes_wherever_texts_are_encoded(
    cluster: Any, tmp_path: Path
) -> None:
    model = save_tiny_model(tmp_path / "tiny")
    texts = [{"id": str(n), "text": f"query {n % 17} of the water {n}"} for n in range(4200)]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps(one) + "\n" for one in texts))
    options = ("encode", "texts.jsonl", "--model", model, "--output")

    _done(*options, "here", cwd=tmp_path)
    said = _done(*options, "there", "--engine", cluster.address, cwd=tmp_path)

    assert tree(tmp_path / "there") == tree(tmp_path / "here")
    assert "4,200 texts of " in said


def test_a_machine_without_the_model_is_told(cluster: Any, tmp_path: Path) -> None:
    encoder = load_encoder(str(save_tiny_model(tmp_path / "tiny")))
    shutil.rmtree(tmp_path / "tiny")

    with pytest.raises(
        ServiceError, match=r"on a machine of the cluster: The model folder '.*tiny' .* All machine"
    ):
        list(encode_remotely(encoder, Backend.AUTO, [["water"]], mock.Mock()))
