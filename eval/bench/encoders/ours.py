"""How is `lsr` timed? Through `load_encoder`, as everything else uses it."""

from __future__ import annotations

from typing import ClassVar

from lsr.encoders import Precision, load_encoder
from lsr.encoders.backend import Backend
from lsr.eval.bench.encoders.base import Opened, Task, why_no_torch, why_too_slow
from lsr.sparse import SparseBatch


class Lsr:
    """One backend in one precision; it takes its threads from the cores it may use.

    Args:
        backend: NATIVE or TORCH.
        precision: that the backend offers.
    """

    library: ClassVar[str] = "lsr"
    packages: ClassVar[tuple[str, ...]] = ("lsr-engine", "numba", "tokenizers")

    def __init__(self, backend: Backend, precision: Precision) -> None:
        self.backend = backend
        self.precision = precision

    @property
    def name(self) -> str:
        """Library, backend and precision."""
        return f"lsr {self.backend} {self.precision}"

    def why_missing(self) -> str | None:
        """Say whether torch is installed, if that is the backend."""
        if self.backend is Backend.NATIVE:
            return None
        return why_no_torch() or why_too_slow(self.precision) or None

    def open(self, task: Task) -> Opened:
        """Load the model."""
        encoder = load_encoder(
            str(task.folder),
            max_length=task.max_length,
            precision=self.precision,
            backend=self.backend,
        )
        return Opened(encoder.encode_documents, encoder.encode_queries, _as_it_is)


def _as_it_is(vectors: SparseBatch) -> SparseBatch:
    return vectors
