"""What must a backend compute? Sparse vectors from term ids, a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.precision import Precision
from lsr.encoders.tokenization import TokenizedText
from lsr.sparse import SparseBatch


class Network(Protocol):
    """A masked-language model that weights the terms of texts; used from several threads."""

    @property
    def n_terms(self) -> int:
        """Size of the vocabulary."""

    @property
    def longest_input(self) -> int:
        """How many tokens of a text the model can tell apart by position."""

    @property
    def precision(self) -> Precision:
        """Number format of its products; never AUTO."""

    @property
    def work_per_token(self) -> int:
        """Floating-point operations, roughly."""

    @property
    def has_own_device(self) -> bool:
        """Whether it computes elsewhere than on the cores, so that one batch at a time is best."""

    def encode(self, texts: Sequence[TokenizedText]) -> SparseBatch:
        """Return one vector per text; none is without tokens."""

    def single_threaded(self) -> AbstractContextManager[None]:
        """Keep it from splitting a batch over the cores while the block runs."""


@runtime_checkable
class DenseNetwork(Network, Protocol):
    """A network that has a dense vector of each text beside the sparse one."""

    @property
    def dense_size(self) -> int:
        """Numbers in a dense vector."""

    def encode_both(
        self, texts: Sequence[TokenizedText]
    ) -> tuple[SparseBatch, NDArray[np.float32]]:
        """Return one vector per text, and one dense row of length 1 each; none is without tokens.

        Returns:
            The vectors, and an array of shape (n_texts, dense_size).
        """
