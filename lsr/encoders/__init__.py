"""Encoders: text in, sparse vectors out.

Importing this package imports neither torch nor transformers; `load_encoder` does.
"""

from lsr.encoders.base import Encoder, EncodingListener
from lsr.encoders.loading import load_encoder
from lsr.encoders.precision import Precision

__all__ = ["Encoder", "EncodingListener", "Precision", "load_encoder"]
