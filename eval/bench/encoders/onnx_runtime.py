"""How is ONNX Runtime timed? As fastembed uses it: a session gives logits, NumPy the maximum."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from lsr.encoders import Precision
from lsr.eval.bench.encoders.base import PEER_BATCH_SIZE, Opened, Task, why_not_installed
from lsr.eval.bench.encoders.exported import (
    PACKAGES,
    onnx_file,
    padding_tokenizer,
    why_not_exported,
)
from lsr.eval.bench.encoders.pooling import PooledLogits, rows_as_batch


class OnnxRuntime:
    """An inference session in float32 with its default optimizations."""

    library: ClassVar[str] = "onnxruntime"
    packages: ClassVar[tuple[str, ...]] = (library, *PACKAGES)
    name = f"{library} {Precision.FLOAT32}"

    def why_missing(self) -> str | None:
        """Say how to install it."""
        return why_not_installed(self.library, "onnxruntime") or why_not_exported() or None

    def open(self, task: Task) -> Opened:
        """Export the model and start a session."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = task.n_cores
        session = onnxruntime.InferenceSession(
            str(onnx_file(task)), options, providers=["CPUExecutionProvider"]
        )

        def run(ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
            (logits,) = session.run(None, {"input_ids": ids, "attention_mask": mask})
            return np.asarray(logits)

        encode = PooledLogits(run, padding_tokenizer(task), PEER_BATCH_SIZE)
        return Opened(encode, encode, rows_as_batch)
