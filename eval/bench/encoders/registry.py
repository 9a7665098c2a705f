"""Which contestants are there? Ours in each backend and precision, and peers."""

from __future__ import annotations

from lsr.encoders import Precision
from lsr.encoders.backend import Backend
from lsr.eval.bench.encoders.base import Contestant
from lsr.eval.bench.encoders.onnx_runtime import OnnxRuntime
from lsr.eval.bench.encoders.open_vino import OpenVino
from lsr.eval.bench.encoders.ours import Lsr
from lsr.eval.bench.encoders.sentence_transformers import SentenceBackend, SentenceTransformers
from lsr.eval.bench.encoders.transformers_loop import Transformers

OURS: tuple[Lsr, ...] = (
    Lsr(Backend.NATIVE, Precision.INT8),
    Lsr(Backend.NATIVE, Precision.FLOAT32),
    Lsr(Backend.TORCH, Precision.BFLOAT16),
    Lsr(Backend.TORCH, Precision.FLOAT32),
)

PEERS: tuple[Contestant, ...] = (
    SentenceTransformers(SentenceBackend.TORCH, Precision.FLOAT32),
    SentenceTransformers(SentenceBackend.TORCH, Precision.BFLOAT16),
    SentenceTransformers(SentenceBackend.ONNX, Precision.FLOAT32),
    SentenceTransformers(SentenceBackend.OPENVINO, Precision.FLOAT32),
    Transformers(),
    OnnxRuntime(),
    OpenVino(Precision.FLOAT32),
    OpenVino(Precision.BFLOAT16),
)

LIBRARIES = tuple(dict.fromkeys(peer.library for peer in PEERS))

REFERENCES = tuple(one.name for one in (PEERS[0], Transformers(), OURS[3], OURS[1]))
"""Whom the others' speed and weights are compared with: the first of these that takes part."""
