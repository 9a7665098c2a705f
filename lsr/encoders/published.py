"""What do published checkpoints not say of themselves? Facts that only their names tell.

A checkpoint of sentence-transformers' layout says everything, and nothing is added to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from lsr.encoders.layouts import Checkpoint
from lsr.encoders.method import (
    NetworkWeighting,
    PresenceWeighting,
    Side,
    VocabularyWeighting,
)
from lsr.errors import UnsupportedModelError


class Encodes(StrEnum):
    """The texts that one tower of a pair was trained on."""

    DOCUMENTS = "documents"
    QUERIES = "queries"


@dataclass(frozen=True, slots=True)
class Half:
    r"""A checkpoint that is one of two towers.

    Attributes:
        name: of the checkpoint, without its organization.
        encodes: what it was trained on.
        other: hub id of the other tower; ``\1`` stands for the name's first group.
    """

    name: str
    encodes: Encodes
    other: str


HALVES = (
    # C. Lassance, S. Clinchant, "An Efficiency Study for SPLADE Models", 2022.
    Half(r"efficient-splade-(.+)-doc", Encodes.DOCUMENTS, r"naver/efficient-splade-\1-query"),
    Half(r"efficient-splade-(.+)-query", Encodes.QUERIES, r"naver/efficient-splade-\1-doc"),
    # S. Lupart, M. Aliannejadi, E. Kanoulas, "DiSCo", 2024: its documents stay as they were.
    Half(r"splade-disco-.+", Encodes.QUERIES, "naver/splade-cocondenser-ensembledistil"),
    # T. Nguyen, S. MacAvaney, A. Yates, "A Unified Framework for Learned Sparse Retrieval", 2023.
    Half(r"(.+)_doc_encoder", Encodes.DOCUMENTS, r"lsr42/\1_query_encoder"),
    Half(r"(.+)_query_encoder", Encodes.QUERIES, r"lsr42/\1_doc_encoder"),
)


@dataclass(frozen=True, slots=True)
class Weighed:
    """How a checkpoint weights terms, where that is not SPLADE with max pooling.

    Attributes:
        name: of the checkpoint, without its organization.
        documents: how it weights documents, if otherwise.
        queries: how it weights queries, if otherwise than documents.
    """

    name: str
    documents: VocabularyWeighting | None = None
    queries: VocabularyWeighting | PresenceWeighting | None = None


WEIGHED = (
    # C. Lassance, H. Dejean, T. Formal, S. Clinchant, "SPLADE-v3", 2024: queries are not expanded.
    Weighed("splade-v3-doc", queries=PresenceWeighting()),
    Weighed("splade-v3-lexical", queries=VocabularyWeighting(lexical=True)),
    # X. Shen, Z. Geng, Y. Yang, "Exploring l0 Sparsification for Inference-free Sparse
    # Retrievers", 2025.
    Weighed(
        "opensearch-neural-sparse-encoding-doc-v3-.+", documents=VocabularyWeighting(saturation=2)
    ),
)

METHODS = {
    # Z. Xu et al., "LACONIC", 2026; its repositories hold no tokenizer.
    re.compile(r"laconic-\d+b"): "laconic",
    # H. Zeng, J. Killingback, H. Zamani, "Scaling Sparse and Dense Retrieval", 2025.
    re.compile(r"Lion-SP-.+"): "lion-sp",
}
"""The methods of causal language models, whose files do not say how they weigh terms."""


def method_of(model: str) -> str | None:
    """Return the method that a published checkpoint was trained for, where only its name tells.

    Args:
        model: what the user named.
    """
    names = [method for pattern, method in METHODS.items() if pattern.fullmatch(_name(model))]
    return names[0] if names else None


def completed(checkpoint: Checkpoint, model: str, folder: Path) -> Checkpoint:
    """Return a checkpoint with what its name adds to its files.

    Args:
        checkpoint: as its files say.
        model: what the user named.
        folder: that holds it.
    """
    if (folder / "modules.json").is_file():
        return checkpoint
    documents, queries = checkpoint.documents, checkpoint.queries
    is_shared = documents == queries
    for known in WEIGHED:
        if re.fullmatch(known.name, _name(model)):
            if known.documents is not None:
                documents = replace(documents, side=Side(known.documents))
            if is_shared:
                queries = documents
            if is_shared and known.queries is not None:
                queries = replace(documents, side=Side(known.queries))
    return Checkpoint(documents, queries)


def refuse_other_half(checkpoint: Checkpoint, model: str, wanted: Encodes | None) -> None:
    """Refuse one of two towers where the other is needed.

    Args:
        checkpoint: as its files say.
        model: what the user named.
        wanted: what it is to encode; None for both.

    Raises:
        UnsupportedModelError: it was not trained on that.
    """
    documents, queries = checkpoint.documents, checkpoint.queries
    reads_queries = isinstance(queries.side.weighting, NetworkWeighting)
    if not reads_queries or documents.folder != queries.folder:
        return
    for half in HALVES:
        found = re.fullmatch(half.name, _name(model))
        if found and half.encodes is not wanted:
            other = found.expand(half.other)
            pair = (other, model) if half.encodes is Encodes.QUERIES else (model, other)
            raise UnsupportedModelError(
                f"The model {model!r} was trained to encode {half.encodes} alone; name both "
                f"towers: {pair[0]} as the model and {pair[1]} as its query_model "
                "(--query-model)."
            )


def _name(model: str) -> str:
    """Return a model's name without its organization or path."""
    return Path(model).expanduser().resolve().name
