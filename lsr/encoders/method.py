"""How does a method of learned sparse retrieval weight terms? Described as data, side by side.

A method is two sides, queries and documents, which may be alike. A side says what its weights come
from, and what is done to a vector afterwards. Everything that changes a weight stands here, so that
two encoders of equal methods, models and lengths give equal vectors.

Paper: T. Nguyen, S. MacAvaney, A. Yates, "A Unified Framework for Learned Sparse Retrieval", 2023,
whose encoders are values of `Side.weighting`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class Pooling(StrEnum):
    """What stands for a term whose weight every token of a text proposes."""

    MAX = "max"
    SUM = "sum"


class PooledTokens(StrEnum):
    """Which tokens of a text propose weights, those that the model adds around it included or not.

    A special token that is written in the text, such as ``[SEP]``, is a token of the text.
    """

    ALL = "all"
    TEXT = "text"
    TEXT_AND_END = "text and end"
    FIRST = "first"


class VocabularyWeighting(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="vocabulary"
):
    """Weights from the logits of a masked-language model: pooled over tokens, then saturated.

    Attributes:
        pooling: over the tokens.
        saturation: how often log(1 + x) is taken of max(0, logit): once in SPLADE (T. Formal et
            al., "SPLADE v2", 2021), twice in inference-free models with l0 activation (Z. Geng et
            al., "Exploring l0 Sparsification for Inference-free Sparse Retrievers", 2025).
        tokens: which propose weights; with and without [CLS], [SEP] and their like.
    """

    pooling: Pooling = Pooling.MAX
    saturation: int = 1
    tokens: PooledTokens = PooledTokens.ALL


class TableWeighting(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="table"):
    """Weights from a table, of every term that occurs; see `lsr.encoders.query_table`."""


Weighting = VocabularyWeighting | TableWeighting


class Side(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one side's texts become vectors.

    Attributes:
        weighting: where the weights come from.
        prefix: text put before every text that has any.
        prune: the rule by which light weights of a vector are left out (`lsr.pruning`), such as
            ``top_k:256``; None to keep all.
    """

    weighting: Weighting = msgspec.field(default_factory=VocabularyWeighting)
    prefix: str = ""
    prune: str | None = None

    @property
    def weight_ceiling(self) -> float | None:
        """Largest weight of a term; None where there is no limit.

        log(1 + logit) reaches 4.0 at a logit of 53.6; trained models stay below 4.
        """
        weighting = self.weighting
        is_bounded = (
            isinstance(weighting, VocabularyWeighting)
            and weighting.pooling is Pooling.MAX
            and weighting.saturation
        )
        return 4.0 if is_bounded else None

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        values: dict[str, Any] = msgspec.to_builtins(self)
        return values


SPLADE_MAX = Side()
"""SPLADE with max pooling, versions 2 and later: log(1 + max(0, largest logit))."""
