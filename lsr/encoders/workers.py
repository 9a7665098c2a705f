"""How are the cores kept busy? One thread makes batches of texts, one a core encodes them.

One batch at a time, split over all cores, synchronizes the cores at every operation; with small
models that costs half of the throughput. Batches do not depend on each other, so each core gets its
own, and the next are made while those before them are encoded. The caller starts windows of texts
ahead of those whose results it waits for, and so decides how much is in memory.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Generic, TypeVar

from lsr.encoders.batching import Window
from lsr.encoders.tokenization import TokenizedText

Encoded = TypeVar("Encoded")

StartedWindow = Future[tuple[Window, list[Future[Encoded]]]]
"""A window, once it is tokenized, and what becomes of its batches, once they are encoded."""


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Workers(Generic[Encoded]):
    """Threads that tokenize and encode; use as a context manager.

    When the block ends, by an error or Ctrl-C as well, batches that have not begun are dropped and
    those that run are waited for, so that no thread outlives it.

    Args:
        encode: encodes a batch; called on the worker threads.
        n_workers: number of those.
        single_threaded: entered while the block runs; keeps `encode` from splitting a batch.
    """

    def __init__(
        self,
        encode: Callable[[Sequence[TokenizedText]], Encoded],
        n_workers: int,
        single_threaded: AbstractContextManager[None],
    ) -> None:
        self._encode = encode
        self._single_threaded = single_threaded
        self._encoding = ThreadPoolExecutor(n_workers, thread_name_prefix="lsr-encode")
        self._tokenizing = ThreadPoolExecutor(1, thread_name_prefix="lsr-tokenize")

    def __enter__(self) -> Workers[Encoded]:
        self._single_threaded.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            # In this order, as tokenizing hands batches to encoding.
            self._tokenizing.shutdown(cancel_futures=True)
            self._encoding.shutdown(cancel_futures=True)
        finally:
            self._single_threaded.__exit__(kind, error, trace)

    def start(self, tokenize: Callable[[], Window]) -> StartedWindow[Encoded]:
        """Tokenize texts and encode their batches, after those of windows started before.

        What is raised on a thread is raised by the future that stands for it.
        """
        return self._tokenizing.submit(self._begin, tokenize)

    def _begin(self, tokenize: Callable[[], Window]) -> tuple[Window, list[Future[Encoded]]]:
        window = tokenize()
        return window, [self._encoding.submit(self._encode, batch) for batch in window.batches]
