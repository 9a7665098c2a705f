"""In which number format is a model multiplied?

- float32 is the format of the weights, and the reference.
- bfloat16, on torch: the vocabulary head, nine tenths of a small encoder's arithmetic, is
  multiplied about twice as fast on cores that have instructions for it, and weights move by 0.01 at
  most; elsewhere bfloat16 is emulated and slower. The body of the model stays in float32.
- int8, on the native backend: the layers' matrices in 8 bits, with a scale per row, and the tokens'
  numbers in 8 bits, with a scale per token; the vocabulary as in float32.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from lsr.errors import ConfigError


class Precision(StrEnum):
    """Number format of a model's products."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    INT8 = "int8"

    def resolved(self) -> Precision:
        """Replace AUTO by the format that torch is faster in on this CPU."""
        if self is not Precision.AUTO:
            return self
        return Precision.BFLOAT16 if _has_native_bfloat16() else Precision.FLOAT32

    def torch_dtype(self) -> Any:
        """Return the torch dtype of a resolved precision."""
        import torch

        return {Precision.FLOAT32: torch.float32, Precision.BFLOAT16: torch.bfloat16}[self]

    @classmethod
    def parse(cls, value: str) -> Precision:
        """Return the precision named `value`.

        Raises:
            ConfigError: there is no such precision.
        """
        try:
            return cls(value)
        except ValueError:
            choices = ", ".join(cls)
            raise ConfigError(f"The precision {value!r} is not one of {choices}.") from None


def _has_native_bfloat16() -> bool:
    import torch

    # torch.ops.mkldnn._is_mkldnn_bf16_supported() is no answer: it is true for every AVX-512 CPU,
    # where oneDNN emulates bfloat16. A torch that lacks these probes counts as "no".
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, probe, bool)() for probe in probes)
