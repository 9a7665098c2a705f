"""Two machines, as far as Ray can tell: the same answers and the same bytes, whatever dies.

The two are raylets of one host, on its loopback interface, with tokens.
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import lsr
from command import COMMAND, environment, tree
from lsr.cluster.building import finish, shards_to_build
from lsr.cluster.remote_building import build_remotely
from lsr.cluster.searching import OnFailure, RemoteShards, ScatteredSearcher, search_remotely
from lsr.cluster.session import session
from lsr.errors import ShardMissingError
from lsr.index import shard_folder, write_lock
from sharded_builds import build, found, plan, queries, write_collection

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("ray"),  # one cluster for all of them
    # Ray forks, leaves files to the collector, and uses what Python deprecates.
    pytest.mark.filterwarnings("ignore"),
]

NODE = {"num_cpus": 1, "object_store_memory": 80 << 20, "node_ip_address": "127.0.0.1"}
N_DOCS, N_SHARDS = 20_000, 8


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two raylets that this process has joined."""
    folder = Path(tempfile.mkdtemp(prefix="lsr-test-"))  # paths of sockets must be short
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", str(folder))
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        cluster_utils = pytest.importorskip("ray.cluster_utils")
        started = cluster_utils.Cluster(
            initialize_head=True, head_node_args={**NODE, "include_dashboard": False}
        )
        try:
            started.add_node(**NODE)
            with session(started.address):
                yield started
        finally:
            started.shutdown()
            shutil.rmtree(folder, ignore_errors=True)
    assert not _processes_of(folder)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "docs.jsonl"
    write_collection(path, N_DOCS)
    return path


@pytest.fixture(scope="module")
def index(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> lsr.Index:
    return build(corpus, tmp_path_factory.mktemp("index") / "idx", 2)


@pytest.fixture(scope="module")
def scattered(cluster: Any, index: lsr.Index) -> lsr.Index:
    """The same index, searched by two processes that have answered before."""
    index.search_batch(queries(12))  # compiles kernels for all
    scattered = search_remotely(index, OnFailure.FAIL, timeout_s=60)
    scattered.search_batch(queries(12))
    return scattered


def _shards(scattered: lsr.Index) -> RemoteShards:
    assert isinstance(scattered.searcher, ScatteredSearcher)
    return scattered.searcher.shards


def _process_of(scattered: lsr.Index, shard: str) -> int:
    """Return the process that searches a shard."""
    import ray

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    number: int = ray.get(_shards(scattered).actors[shard].__ray_call__.remote(_own_process))
    return number


def _own_process(_: object) -> int:
    return os.getpid()


def _processes_of(folder: Path) -> list[str]:
    """Return the commands that were started for a cluster and still run."""
    listed = subprocess.run(
        ["ps", "-eo", "args"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return [line for line in listed if str(folder) in line]


def test_answers_are_those_of_one_process(
    index: lsr.Index, scattered: lsr.Index, evidence: Callable[[str], None]
) -> None:
    for k, where in ((10, None), (1000, None), (10, "year >= 2010")):
        assert found(scattered, k, where) == found(index, k, where)

    query = queries(1)[0]
    times = {}
    for name, one in (("in this process", index), ("by two others", scattered)):
        began = time.perf_counter()
        for _ in range(200):
            one.search(query)
        times[name] = (time.perf_counter() - began) * 5
    figures = ", ".join(f"{name} {ms:.2f} ms" for name, ms in times.items())
    evidence(f"a query in 2 shards of {N_DOCS:,} documents: {figures}")


def test_a_killed_process_comes_back(
    index: lsr.Index, scattered: lsr.Index, evidence: Callable[[str], None]
) -> None:
    before = _process_of(scattered, "shard-00001")
    os.kill(before, signal.SIGKILL)
    began = time.perf_counter()

    assert found(scattered, 10) == found(index, 10)

    evidence(f"a killed shard answers again after {time.perf_counter() - began:.1f} s")
    assert _process_of(scattered, "shard-00001") != before


def test_a_shard_that_hangs_gets_what_the_policy_says(
    index: lsr.Index, scattered: lsr.Index, caplog: pytest.LogCaptureFixture
) -> None:
    from starlette.testclient import TestClient

    from lsr.service.app import create_app

    query = {"vector": {"t1": 1.0}, "k": 10, "fields": []}
    shards = _shards(scattered)
    lost = set(lsr.Index.open(shard_folder(index.path, 1)).searcher.doc_ids(range(N_DOCS // 2)))
    expected = [one.doc_id for one in index.search({"t1": 1.0}, N_DOCS) if one.doc_id not in lost]
    hung = _process_of(scattered, "shard-00001")
    os.kill(hung, signal.SIGSTOP)
    shards.timeout_s = 2
    try:
        with TestClient(create_app([index.path], open_index=lambda _: scattered)) as client:
            with pytest.raises(ShardMissingError, match="shard-00001: no answer within 2 s"):
                scattered.search({"t1": 1.0})
            refused = client.post("/v1/indexes/idx/search", json=query)
            shards.on_failure = OnFailure.PARTIAL
            partial = scattered.search({"t1": 1.0}, N_DOCS)
            answered = client.post("/v1/indexes/idx/search", json=query)
    finally:
        os.kill(hung, signal.SIGCONT)
        shards.timeout_s, shards.on_failure = 60, OnFailure.FAIL

    assert [hit.doc_id for hit in partial] == expected
    assert "Their documents are not among the hits." in caplog.text
    assert (refused.status_code, refused.json()["code"]) == (503, "shard-missing")
    assert "shard-00001" in answered.json()["warnings"][0]
    assert found(scattered, 1000) == found(index, 1000)


def test_a_new_commit_is_searched_and_the_one_before_as_well(
    index: lsr.Index, scattered: lsr.Index
) -> None:
    before = found(scattered, 10)
    with index.writer() as writer:
        for number in range(0, N_DOCS, 7):
            writer.delete(f"d{number}")
        writer.add({"id": "new", "year": 2000, "vector": {"t1": 2.25}})
        writer.commit()

    latest = scattered.reopened()

    assert found(latest, 1000) == found(index, 1000)
    assert found(scattered, 10) == before != found(index, 10)


def _when_building(path: Path, number: int, act: Callable[[int], None]) -> threading.Thread:
    """Do something to the process that builds a shard, as soon as one does."""

    def watch() -> None:
        folder = shard_folder(path, number)
        while True:
            for note in folder.parent.glob(f"{folder.name}.attempt-*/writer.txt"):
                words = note.read_text().split()
                if len(words) > 1:
                    act(int(words[1]))
                    return
            time.sleep(0.001)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def test_shards_are_the_same_bytes_when_a_worker_and_a_machine_die(
    cluster: Any,
    corpus: Path,
    tmp_path: Path,
    evidence: Callable[[str], None],
) -> None:
    undisturbed = tree(build(corpus, tmp_path / "undisturbed", N_SHARDS).path)

    def built(path: Path, *watches: tuple[int, Callable[[int], None]]) -> float:
        plan(corpus, path, N_SHARDS)
        threads = [_when_building(path, number, act) for number, act in watches]
        began = time.perf_counter()
        with write_lock(path):
            numbers, _ = shards_to_build(path)
            assert sum(build_remotely(path, numbers)) == N_DOCS
            for thread in threads:
                thread.join()
            shards_to_build(path)  # removes what the dead have left
            finish(path)
        assert tree(path) == undisturbed
        return time.perf_counter() - began

    def lose_machine(_: int) -> None:
        cluster.remove_node(cluster.worker_nodes.copy().pop(), allow_graceful=False)

    calm = built(tmp_path / "calm")
    killed = built(tmp_path / "worker", (1, lambda process: os.kill(process, signal.SIGKILL)))
    lost = built(tmp_path / "node", (2, lose_machine))
    cluster.add_node(**NODE)

    evidence(
        f"{N_DOCS:,} vectors in {N_SHARDS} shards by two machines: {calm:.1f} s, with a worker "
        f"killed {killed:.1f} s, with a machine lost {lost:.1f} s"
    )


def test_a_killed_command_goes_on_where_it_was(cluster: Any, corpus: Path, tmp_path: Path) -> None:
    command: list[str | Path] = [COMMAND, "index", corpus, "--index", "idx"]
    command += ["--shards", "8", "--engine"]
    with subprocess.Popen(
        [*command, cluster.address], cwd=tmp_path, env={**os.environ, **environment()}
    ) as driver:
        _when_building(tmp_path / "idx", 4, lambda _: driver.kill()).join()
    assert driver.returncode == -signal.SIGKILL
    kept = [one for one in (tmp_path / "idx/segments").iterdir() if one.name.startswith("shard")]
    assert kept

    done = subprocess.run(
        [*command, cluster.address, "--resume"],
        cwd=tmp_path,
        env={**os.environ, **environment()},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "shards: 8, built now: 8" not in done.stdout
    subprocess.run([*command, "local", "--index", "calm"], cwd=tmp_path, check=True)
    assert tree(tmp_path / "idx") == tree(tmp_path / "calm")
