"""How is sentence-transformers timed? Its SparseEncoder, on each backend that is installed.

ONNX and OpenVINO come by way of optimum. The releases of it that export models need an older
transformers than the torch backend of `lsr` asks for, so an environment has one or the other.
"""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import Any, ClassVar

from lsr.encoders import Precision
from lsr.eval.bench.encoders.base import (
    PEER_BATCH_SIZE,
    Opened,
    Task,
    why_not_installed,
    why_too_slow,
)
from lsr.sparse import SparseBatch


class SentenceBackend(StrEnum):
    """What computes a model in sentence-transformers."""

    TORCH = "torch"
    ONNX = "onnx"
    OPENVINO = "openvino"


_MODULES = {
    SentenceBackend.ONNX: ("optimum-onnx", "optimum.onnxruntime"),
    SentenceBackend.OPENVINO: ("optimum-intel", "optimum.intel.openvino"),
}


class SentenceTransformers:
    """One backend in one number format.

    Args:
        backend: what computes the model.
        precision: FLOAT32; on torch also BFLOAT16.
    """

    library: ClassVar[str] = "sentence-transformers"
    packages: ClassVar[tuple[str, ...]] = (
        *("sentence-transformers", "transformers", "torch"),
        *("optimum-onnx", "optimum-intel"),
    )

    def __init__(self, backend: SentenceBackend, precision: Precision) -> None:
        self._backend = backend
        self._precision = precision

    @property
    def name(self) -> str:
        """Library, backend unless it is the usual one, and number format."""
        backend = "" if self._backend is SentenceBackend.TORCH else f"{self._backend} "
        return f"{self.library} {backend}{self._precision}"

    def why_missing(self) -> str | None:
        """Say what is not installed."""
        if why := why_not_installed(self.library, "sentence_transformers"):
            return why
        if self._backend is SentenceBackend.TORCH:
            return why_too_slow(self._precision) or None
        extra = f"{self.library}[{self._backend}]"
        return why_not_installed(*_MODULES[self._backend], extra) or None

    def open(self, task: Task) -> Opened:
        """Load the model, and export it if the backend needs that."""
        from sentence_transformers import SparseEncoder

        encoder = SparseEncoder(
            str(task.folder),
            device="cpu",
            backend=self._backend.value,
            model_kwargs=self._options(task.n_cores),
        )
        encoder.max_seq_length = task.max_length
        options = {"batch_size": PEER_BATCH_SIZE, "show_progress_bar": False}
        return Opened(
            partial(encoder.encode_document, **options),
            partial(encoder.encode_query, **options),
            SparseBatch.from_matrix,
        )

    def _options(self, n_cores: int) -> dict[str, Any]:
        """Return what the backend must be told; the threads of torch are set for all at once."""
        if self._backend is SentenceBackend.ONNX:
            import onnxruntime

            session = onnxruntime.SessionOptions()
            session.intra_op_num_threads = n_cores
            return {"session_options": session, "provider": "CPUExecutionProvider"}
        if self._backend is SentenceBackend.OPENVINO:
            threads = {"INFERENCE_NUM_THREADS": n_cores, "INFERENCE_PRECISION_HINT": "f32"}
            return {"ov_config": threads}
        return {"dtype": self._precision.torch_dtype()}
