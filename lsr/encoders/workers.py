"""How do batches share the cores? One worker thread a core, each computing on its own.

One batch at a time, split over all cores, synchronizes the cores at every operation; with small
models that costs half of the throughput. Batches do not depend on each other, so each core gets its
own. A batch that is alone may be split by the network, unless it is so small, such as one query for
a small model, that handing out the work takes longer than doing it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

Batch = TypeVar("Batch")
Result = TypeVar("Result")


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_batches(
    encode: Callable[[Batch], Result],
    batches: Sequence[Batch],
    finished: Callable[[int, Result], None],
    n_workers: int,
    *,
    single_threaded: Callable[[bool], AbstractContextManager[None]],
    is_small: bool = False,
) -> None:
    """Encode batches on `n_workers` threads.

    When anything raises, KeyboardInterrupt included, the batches that have not begun are dropped
    and those that run are waited for, so that no thread outlives the call.

    Args:
        encode: called in the workers.
        batches: begun in this order.
        finished: called in the caller's thread with the position of a batch and its result, in the
            order in which batches end.
        n_workers: number of threads; with one, or one batch, all work stays in the caller's thread.
        single_threaded: keeps `encode` from splitting a batch over the cores, as
            `Network.single_threaded` does.
        is_small: whether a batch that is alone is not worth splitting.
    """
    if n_workers == 1 or len(batches) <= 1:
        with single_threaded(False) if is_small else nullcontext():
            for number, batch in enumerate(batches):
                finished(number, encode(batch))
        return
    with single_threaded(True):
        pool = ThreadPoolExecutor(n_workers, thread_name_prefix="lsr-encode")
        try:
            numbers = {pool.submit(encode, batch): n for n, batch in enumerate(batches)}
            for future in as_completed(numbers):
                # Popped, so that a result lives no longer than its receiver wants it.
                finished(numbers.pop(future), future.result())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
