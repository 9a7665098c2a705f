"""How are texts encoded on many machines? Run by run, wherever one is free, and in order again.

The process that asked reads the texts and writes the vectors, so the others need nothing but the
model. It reads no further ahead than they are quick to take.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Sequence
from typing import Any

import msgspec

from lsr.cluster.tasks import MAX_DEATHS, least_cpus, loaded_encoder, n_encoding, result_of
from lsr.encoders import Backend, EncodedTexts, Encoder, EncodingListener

AHEAD = 2
"""Runs under way for each process that encodes, so that none waits for the next one."""


def encode_remotely(
    encoder: Encoder,
    backend: Backend,
    runs: Iterable[Sequence[str]],
    listener: EncodingListener,
) -> Generator[EncodedTexts, None, None]:
    """Encode the texts of documents on the cluster of the session; see `Encoder.encode_stream`.

    Args:
        encoder: what machines load, too.
        backend: what computes it there.
        runs: texts, up to some thousands a run.
        listener: hears of each run when it is done.

    Raises:
        LsrError: as an encoder.
        ServiceError: the process of a run has died too often, or a machine lacks the model.
    """
    import ray

    task = ray.remote(max_retries=MAX_DEATHS, num_cpus=least_cpus())(_encode)
    settings = msgspec.json.encode(encoder.settings)
    under_way: deque[tuple[int, Any]] = deque()

    def first_done() -> EncodedTexts:
        n_texts, running = under_way.popleft()
        encoded: EncodedTexts
        encoded, n_tokens = result_of(running, "Encoding")
        listener.encoded(n_texts, n_tokens)
        return encoded

    for texts in runs:
        under_way.append((len(texts), task.remote(settings, backend, list(texts))))
        while len(under_way) > AHEAD * n_encoding():  # which grows with machines that join
            yield first_done()
    while under_way:
        yield first_done()


class _Tokens:
    """Counts what was read."""

    def __init__(self) -> None:
        self.n_tokens = 0

    def encoded(self, n_texts: int, n_tokens: int) -> None:
        """Count tokens."""
        self.n_tokens += n_tokens

    def truncated(self, row: int) -> None:
        """Leave it to `EncodedTexts`."""


def _encode(settings: bytes, backend: Backend, texts: list[str]) -> tuple[EncodedTexts, int]:
    """Encode a run in a process of the cluster; return how many tokens it has, too."""
    tokens = _Tokens()
    (encoded,) = loaded_encoder(settings, backend).encode_stream([texts], tokens)
    return encoded, tokens.n_tokens
