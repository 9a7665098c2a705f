"""How are shards built on many machines? A task of Ray each, again where its machine dies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lsr.cluster.building import build_shard, planned
from lsr.cluster.tasks import MAX_DEATHS, least_cpus, result_of


def build_remotely(index_path: Path, numbers: list[int]) -> Iterator[int]:
    """Build shards on the cluster of the session, and yield how many documents each holds.

    A machine that encodes builds one shard at a time, with all its processors.

    Raises:
        LsrError: as `build_shard`.
        ServiceError: the process of a shard has died too often, or a machine lacks the model.
    """
    import ray

    n_cpus = least_cpus() if planned(index_path).encodes else 1
    task = ray.remote(max_retries=MAX_DEATHS, num_cpus=n_cpus)(build_shard)
    path = index_path.resolve()
    building = {task.remote(path, number): number for number in numbers}
    while building:
        (done,), _ = ray.wait(list(building), num_returns=1)
        yield result_of(done, f"The build of shard {building.pop(done)}")
