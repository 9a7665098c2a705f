"""How are shards built on many machines? A task of Ray each, again where its machine dies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lsr.cluster.building import build_shard, planned
from lsr.errors import LsrError, ServiceError

MAX_DEATHS = 5
"""Times that the process of a shard may die, before something about the shard is wrong."""


def build_remotely(index_path: Path, numbers: list[int]) -> Iterator[int]:
    """Build shards on the cluster of the session, and yield how many documents each holds.

    A machine that encodes builds one shard at a time, with all its processors.

    Raises:
        LsrError: as `build_shard`.
        ServiceError: the process of a shard has died too often.
    """
    import ray

    n_cpus = _least_cpus() if planned(index_path).encodes else 1
    task = ray.remote(max_retries=MAX_DEATHS, num_cpus=n_cpus)(build_shard)
    path = index_path.resolve()
    building = {task.remote(path, number): number for number in numbers}
    while building:
        (done,), _ = ray.wait(list(building), num_returns=1)
        number = building.pop(done)
        try:
            yield ray.get(done)
        except ray.exceptions.RayTaskError as error:
            raise error.cause if isinstance(error.cause, LsrError) else error from None
        except ray.exceptions.RayError as error:
            raise ServiceError(
                f"Shard {number} was not built, as its process died more than {MAX_DEATHS} times, "
                "for lack of memory perhaps. Repeat the command with --resume, and with less "
                "--memory or on other machines."
            ) from error


def _least_cpus() -> int:
    """Return how many processors the smallest machine has."""
    import ray

    return int(min(node["Resources"].get("CPU", 1) for node in ray.nodes() if node["Alive"]))
