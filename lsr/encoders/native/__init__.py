"""The native backend: masked-language models on the kernels of `lsr`, without torch."""

from lsr.encoders.native.architecture import why_unsupported
from lsr.encoders.native.loading import load_native_network

__all__ = ["load_native_network", "why_unsupported"]
