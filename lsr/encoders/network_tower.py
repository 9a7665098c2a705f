"""How are texts encoded by a network? In batches of similar length, on all cores, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import numpy as np

from lsr.encoders.base import EncodedTexts, EncodingListener
from lsr.encoders.batching import WINDOW_TEXTS, Window
from lsr.encoders.lexical import without_expansion
from lsr.encoders.network import DenseNetwork, Network
from lsr.encoders.text_input import TextInput
from lsr.encoders.tokenization import TokenizedText, refuse_string
from lsr.encoders.unit_length import of_unit_length
from lsr.encoders.workers import StartedWindow, Workers, available_cores
from lsr.pruning import PruneRule, prune
from lsr.sparse import SparseBatch

MAX_BATCH_TOKENS = 4096
BATCH_WORK = 120e9
"""Floating-point operations of a batch. A core does them in one second (bfloat16) or two (float32),
which bounds how long an interrupt waits, and a decoder of 135 million parameters gets four texts,
which it reads a fifth faster than one; small models reach MAX_BATCH_TOKENS first."""

SMALL_WORK = 1e9
"""Floating-point operations that a core does in some 20 ms; less is not split over cores."""


class NetworkTower:
    """Encodes texts with a network; made by `load_encoder`.

    The vector of a text is the same whatever else is encoded with it, up to rounding: sums in
    another order move float32 weights by about 1e-6 and, where a hidden state falls on the other
    side of a rounding step, bfloat16 weights by about 0.01. The same call on the same machine
    gives the same bits.

    Args:
        network: computes the vectors.
        tokenizer: bound to the maximum length.
        tokens: name of every term.
        is_lexical: whether only a text's own terms keep their weights.
        prune_rule: by which light weights of a vector are left out; None to keep all.
        has_unit_length: whether vectors are then divided by their length.
    """

    def __init__(
        self,
        *,
        network: Network,
        tokenizer: TextInput,
        tokens: Sequence[str],
        is_lexical: bool = False,
        prune_rule: PruneRule | None = None,
        has_unit_length: bool = False,
    ) -> None:
        self.tokens = tokens
        # Not which backend: the same model in the same precision means the same in either.
        self.settings: dict[str, Any] = {
            "max_length": tokenizer.max_length,
            "precision": network.precision.value,
        }
        self._network = network
        self._is_lexical = is_lexical
        self._dense_network = network if isinstance(network, DenseNetwork) else None
        self.dense_size = 0 if self._dense_network is None else self._dense_network.dense_size
        self._prune_rule = prune_rule
        self._has_unit_length = has_unit_length
        self._tokenizer = tokenizer
        self._token_budget = min(MAX_BATCH_TOKENS, int(BATCH_WORK / network.work_per_token))
        self._n_workers = 1 if network.has_own_device else available_cores()

    def encode(self, texts: Sequence[str], listener: EncodingListener | None = None) -> SparseBatch:
        """Return one vector per text, in input order; see `Tower.encode`."""
        return self.encode_texts(texts, listener).vectors

    def encode_texts(
        self, texts: Sequence[str], listener: EncodingListener | None = None
    ) -> EncodedTexts:
        """Return all that becomes of texts, in input order; see `Tower.encode_texts`.

        While several batches run, torch's thread count, which belongs to the process, is 1.
        """
        refuse_string(texts)
        if len(texts) <= WINDOW_TEXTS:
            window = self._window(texts, 0)
            if len(window.batches) <= 1:
                encoded = self._encode_alone(window, listener)
            else:
                encoded = self._encode_all([lambda: window], listener)
        else:
            encoded = self._encode_all(self._windows(texts), listener)
        if listener is not None:
            for row in encoded.truncated:
                listener.truncated(row)
        return encoded

    def encode_stream(
        self, runs: Iterable[Sequence[str]], listener: EncodingListener | None = None
    ) -> Generator[EncodedTexts, None, None]:
        """Encode texts while they are read, and yield each run of them in its turn.

        One run is read ahead of the one that is waited for, so that the workers always have
        something to do; see `Encoder.encode_stream`.

        Raises:
            InvalidInputError: as `encode`; no later run is yielded.
        """
        waiting: deque[list[StartedWindow[EncodedTexts]]] = deque()
        with self._workers() as workers:
            for run in runs:
                refuse_string(run)
                waiting.append([workers.start(one) for one in self._windows(run)])
                while len(waiting) > 1 or (waiting and not waiting[0]):
                    yield self._finished(waiting.popleft(), listener)
            while waiting:
                yield self._finished(waiting.popleft(), listener)

    @property
    def separator(self) -> str:
        """What is written between parts of one text; see `Encoder`."""
        return self._tokenizer.separator

    def count_tokens(self, text: str) -> int:
        """Return how many tokens a text has, special ones included, before it is cut."""
        return self._tokenizer.count(text)

    def split(self, text: str, stride: int | None = None) -> list[tuple[int, int]]:
        """Return the passages that are read of a text, (start, end) in characters."""
        return self._tokenizer.split(text, stride)

    def term_spans(self, text: str) -> list[tuple[int, int, int]]:
        """Return (term id, start, end) for the tokens of `text`, as character offsets."""
        return self._tokenizer.spans(text)

    def _windows(self, texts: Sequence[str]) -> list[Callable[[], Window]]:
        starts = range(0, len(texts), WINDOW_TEXTS)
        return [partial(self._window, texts[at : at + WINDOW_TEXTS], at) for at in starts]

    def _window(self, texts: Sequence[str], first_row: int) -> Window:
        tokenized = self._tokenizer.tokenize(texts, first_row)
        n_tokens = sum(text.ids.size for text in tokenized)
        # Few texts make batches small enough for every worker to have one, unless that is more
        # trouble than encoding them.
        share = n_tokens if self._is_small(n_tokens) else -(-n_tokens // self._n_workers)
        return Window(tokenized, min(self._token_budget, share))

    def _is_small(self, n_tokens: int) -> bool:
        return n_tokens * self._network.work_per_token < SMALL_WORK

    def _workers(self) -> Workers[EncodedTexts]:
        is_shared = self._n_workers > 1
        hold = self._network.single_threaded() if is_shared else nullcontext()
        return Workers(self._encode_batch, self._n_workers, hold)

    def _encode_batch(self, texts: Sequence[TokenizedText]) -> EncodedTexts:
        dense = None
        if self._dense_network is None:
            vectors = self._network.encode(texts)
        else:
            vectors, dense = self._dense_network.encode_both(texts)
        if self._is_lexical:
            vectors = without_expansion(vectors, texts, self._tokenizer.special)
        if self._prune_rule is not None:
            vectors = prune(vectors, self._prune_rule)
        if self._has_unit_length:
            vectors = of_unit_length(vectors)
        return EncodedTexts(vectors, dense=dense)

    def _encode_alone(self, window: Window, listener: EncodingListener | None) -> EncodedTexts:
        """Encode a window of one batch, or none, in the caller's thread."""
        is_small = self._is_small(sum(n_tokens for _, n_tokens in window.sizes))
        with self._network.single_threaded() if is_small else nullcontext():
            encoded = [self._encode_batch(batch) for batch in window.batches]
        if listener is not None:
            listener.encoded(len(window), sum(n_tokens for _, n_tokens in window.sizes))
        return self._in_order(window, encoded)

    def _encode_all(
        self, windows: Sequence[Callable[[], Window]], listener: EncodingListener | None
    ) -> EncodedTexts:
        with self._workers() as workers:
            return self._finished([workers.start(one) for one in windows], listener)

    def _finished(
        self, windows: Sequence[StartedWindow[EncodedTexts]], listener: EncodingListener | None
    ) -> EncodedTexts:
        """Wait for windows and return what became of them."""
        parts = [self._in_order(Window([], 1), [])]
        truncated: list[int] = []
        n_texts = 0
        for started in windows:
            window, batches = started.result()
            truncated += [n_texts + row for row in window.truncated]
            n_texts += len(window)
            encoded = []
            for batch, (n_rows, n_tokens) in zip(batches, window.sizes, strict=True):
                encoded.append(batch.result())
                if listener is not None:
                    listener.encoded(n_rows, n_tokens)
            if listener is not None and window.n_empty:
                listener.encoded(window.n_empty, 0)
            parts.append(self._in_order(window, encoded))
        vectors = SparseBatch.concatenate([part.vectors for part in parts])
        dense = [part.dense for part in parts if part.dense is not None]
        return EncodedTexts(vectors, truncated, np.concatenate(dense) if dense else None)

    def _in_order(self, window: Window, encoded: Sequence[EncodedTexts]) -> EncodedTexts:
        """Return what became of a window, from what became of its batches."""
        vectors = window.in_order([one.vectors for one in encoded], self._network.n_terms)
        if not self.dense_size:
            return EncodedTexts(vectors, window.truncated)
        dense = [one.dense for one in encoded if one.dense is not None]
        return EncodedTexts(
            vectors, window.truncated, window.dense_in_order(dense, self.dense_size)
        )
