"""Two machines, as far as Ray can tell: raylets of one host, on its loopback interface."""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import lsr
from lsr.cluster.remote_shards import RemoteShards
from lsr.cluster.searching import ScatteredSearcher
from lsr.cluster.session import session
from lsr.index import shard_folder

NODE = {"num_cpus": 1, "object_store_memory": 80 << 20, "node_ip_address": "127.0.0.1"}

MARKS = [
    pytest.mark.slow,
    pytest.mark.xdist_group("ray"),  # one cluster for all of them
    # Ray forks, leaves files to the collector, and uses what Python deprecates.
    pytest.mark.filterwarnings("ignore"),
]


@contextmanager
def joined_cluster() -> Iterator[Any]:
    """Start two raylets, with tokens, and join them."""
    folder = Path(tempfile.mkdtemp(prefix="lsr-test-"))  # paths of sockets must be short
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", str(folder))
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
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


def shards_of(scattered: lsr.Index) -> RemoteShards:
    """Return who searches an index."""
    assert isinstance(scattered.searcher, ScatteredSearcher)
    return scattered.searcher.shards


def process_of(scattered: lsr.Index, shard: str) -> int:
    """Return the process that searches a shard, as soon as there is one."""
    import ray

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    (actor,) = shards_of(scattered).processes[shard]
    while True:
        try:
            number: int = ray.get(actor.__ray_call__.remote(_own_process))
            return number
        except ray.exceptions.RayActorError:
            time.sleep(0.01)


def _own_process(_: object) -> int:
    return os.getpid()


def when_building(path: Path, number: int, act: Callable[[int], object]) -> threading.Thread:
    """Do something to the process that builds a shard, as soon as one does."""

    def watch() -> None:
        folder = shard_folder(path, number)
        until = time.monotonic() + 600
        while time.monotonic() < until:
            for note in folder.parent.glob(f"{folder.name}.attempt-*/writer.txt"):
                words = note.read_text().split()
                if len(words) > 1:
                    act(int(words[1]))
                    return
            time.sleep(0.001)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def _processes_of(folder: Path) -> list[str]:
    """Return the commands that were started for a cluster and still run."""
    listed = subprocess.run(
        ["ps", "-eo", "args"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return [line for line in listed if str(folder) in line]
