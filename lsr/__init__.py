"""Learned sparse retrieval: neural encoders, an inverted index, and SIMD kernels in Python.

>>> import lsr
>>> index = lsr.Index.open("idx")  # doctest: +SKIP
>>> hits = index.search("a question", k=10)  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lsr.client import Client
    from lsr.conversations import Conversation
    from lsr.documents import Document
    from lsr.encoders import Encoder, load_encoder
    from lsr.errors import LsrError
    from lsr.index import Approximation
    from lsr.pruning import PruneRule
    from lsr.retrieval import Explanation, Hit, Index
    from lsr.sparse import SparseBatch

__version__ = "0.1.0"

__all__ = [
    "Approximation",
    "Client",
    "Conversation",
    "Document",
    "Encoder",
    "Explanation",
    "Hit",
    "Index",
    "LsrError",
    "PruneRule",
    "SparseBatch",
    "load_encoder",
]

_HOMES = {
    "Approximation": "lsr.index",
    "Client": "lsr.client",
    "Conversation": "lsr.conversations",
    "Document": "lsr.documents",
    "Encoder": "lsr.encoders",
    "Explanation": "lsr.retrieval",
    "Hit": "lsr.retrieval",
    "Index": "lsr.retrieval",
    "LsrError": "lsr.errors",
    "PruneRule": "lsr.pruning",
    "SparseBatch": "lsr.sparse",
    "load_encoder": "lsr.encoders",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that ``import lsr`` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'lsr' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
