"""Encoders: text in, sparse vectors out.

Importing this package imports neither torch nor transformers, and the native backend never does.
"""

from lsr.encoders.backend import Backend
from lsr.encoders.base import DenseEncoder, EncodedTexts, Encoder, EncodingListener
from lsr.encoders.loading import load_encoder, reload_encoder
from lsr.encoders.passages import Aggregation, Passages
from lsr.encoders.precision import Precision
from lsr.encoders.saving import save_encoder

__all__ = [
    "Aggregation",
    "Passages",
    "Backend",
    "DenseEncoder",
    "EncodedTexts",
    "Encoder",
    "EncodingListener",
    "Precision",
    "load_encoder",
    "reload_encoder",
    "save_encoder",
]
