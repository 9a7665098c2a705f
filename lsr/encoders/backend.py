"""What computes a model, and in which number formats can it?

The native backend runs the models that it knows on the kernels of `lsr` and needs neither torch nor
transformers. torch runs every masked-language model that transformers knows, and is the reference.
"""

from __future__ import annotations

from enum import StrEnum

from lsr.encoders.precision import Precision
from lsr.errors import ConfigError


class Backend(StrEnum):
    """What computes a model."""

    AUTO = "auto"
    NATIVE = "native"
    TORCH = "torch"

    def offers(self, precision: Precision) -> bool:
        """Say whether a model can be computed in this number format; AUTO is what either offers."""
        native = {Precision.AUTO, Precision.FLOAT32, Precision.INT8}
        torch = {Precision.AUTO, Precision.FLOAT32, Precision.BFLOAT16}
        return (
            precision
            in {
                Backend.AUTO: native | torch,
                Backend.NATIVE: native,
                Backend.TORCH: torch,
            }[self]
        )

    @classmethod
    def parse(cls, value: str) -> Backend:
        """Return the backend named `value`.

        Raises:
            ConfigError: there is no such backend.
        """
        try:
            return cls(value)
        except ValueError:
            choices = ", ".join(cls)
            raise ConfigError(f"The backend {value!r} is not one of {choices}.") from None
