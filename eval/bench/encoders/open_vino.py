"""How is OpenVINO timed? Compiled for latency on the CPU, with the maximum in NumPy."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from lsr.encoders import Precision
from lsr.eval.bench.encoders.base import (
    PEER_BATCH_SIZE,
    Opened,
    Task,
    why_not_installed,
    why_too_slow,
)
from lsr.eval.bench.encoders.exported import (
    PACKAGES,
    onnx_file,
    padding_tokenizer,
    why_not_exported,
)
from lsr.eval.bench.encoders.pooling import PooledLogits, rows_as_batch

_HINTS = {Precision.FLOAT32: "f32", Precision.BFLOAT16: "bf16"}


class OpenVino:
    """A compiled model in one number format.

    Args:
        precision: FLOAT32 or BFLOAT16, which the library chooses by itself where it can.
    """

    library: ClassVar[str] = "openvino"
    packages: ClassVar[tuple[str, ...]] = (library, *PACKAGES)

    def __init__(self, precision: Precision) -> None:
        self._precision = precision

    @property
    def name(self) -> str:
        """Library and number format."""
        return f"{self.library} {self._precision}"

    def why_missing(self) -> str | None:
        """Say how to install it; it is no part of an extra, for its size."""
        return (
            why_not_installed(self.library, "openvino", self.library)
            or why_not_exported()
            or why_too_slow(self._precision)
            or None
        )

    def open(self, task: Task) -> Opened:
        """Export the model and compile it."""
        import openvino

        options = {
            "INFERENCE_NUM_THREADS": task.n_cores,
            "INFERENCE_PRECISION_HINT": _HINTS[self._precision],
            "ENABLE_CPU_PINNING": False,  # the process is bound to its cores already
        }
        compiled = openvino.Core().compile_model(str(onnx_file(task)), "CPU", options)
        request = compiled.create_infer_request()

        def run(ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
            return np.asarray(request.infer([ids, mask], share_outputs=True)[0])

        encode = PooledLogits(run, padding_tokenizer(task), PEER_BATCH_SIZE)
        return Opened(encode, encode, rows_as_batch)
