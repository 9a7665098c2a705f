"""What is common to all work that Ray shares out? How much a machine gets, and what goes wrong."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from lsr.encoders import Backend, Encoder, reload_encoder
from lsr.errors import LsrError, MissingDependencyError, ModelNotFoundError, ServiceError

MAX_DEATHS = 5
"""Times that the process of a task may die, before something about the task is wrong."""


@lru_cache(maxsize=1)
def loaded_encoder(settings: bytes, backend: Backend) -> Encoder:
    """Load an encoder once in a process.

    Args:
        settings: `Encoder.settings` as JSON.
        backend: what computes it.
    """
    return reload_encoder(msgspec.json.decode(settings), backend)


def least_cpus() -> int:
    """Return how many processors the smallest machine has, which encoding takes all of."""
    return min(_cpus_of_machines())


def n_encoding() -> int:
    """Return how many tasks of `least_cpus` processors run at the same time, by now."""
    cpus = _cpus_of_machines()
    return sum(one // min(cpus) for one in cpus)


def result_of(task: Any, name: str) -> Any:
    """Return what a task has returned, waiting for it.

    Args:
        task: Ray's reference.
        name: what it does, for errors.

    Raises:
        LsrError: as the task.
        ServiceError: its process has died too often, or its machine lacks a model or a package.
    """
    import ray

    try:
        return ray.get(task)
    except ray.exceptions.RayTaskError as error:
        cause = error.cause
        if isinstance(cause, ModelNotFoundError | MissingDependencyError):
            raise ServiceError(
                f"{name} failed on a machine of the cluster: {cause} All machines need the same "
                "packages, and the model under the same name."
            ) from error
        raise cause if isinstance(cause, LsrError) else error from None
    except ray.exceptions.RayError as error:
        raise ServiceError(
            f"{name} failed, as its process died more than {MAX_DEATHS} times, for lack of memory "
            "perhaps. Repeat the command with --resume, and with less --memory or on other "
            "machines."
        ) from error


def _cpus_of_machines() -> list[int]:
    import ray

    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [max(1, int(resources.get("CPU", 1))) for resources in alive] or [1]
