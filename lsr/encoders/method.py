"""How does a method of learned sparse retrieval weight terms? Described as data, side by side.

A method is two sides, queries and documents, which may be alike. A side says what its weights come
from, and what is done to a vector afterwards. Everything that changes a weight stands here, so that
two encoders of equal methods, models and lengths give equal vectors.

Paper: T. Nguyen, S. MacAvaney, A. Yates, "A Unified Framework for Learned Sparse Retrieval", 2023,
whose encoders are values of `Side.weighting`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import msgspec

from lsr.encoders.decoder.weighting import (
    DecoderWeighting,
    LiteralResidualWeighting,
    PromptWeighting,
)

Saturation = Annotated[int, msgspec.Meta(ge=0, le=2)]

SATURATED_CEILING = 4.0
"""log(1 + x) reaches 4.0 at 53.6; trained models stay below."""


class Activation(StrEnum):
    """What a network's number x becomes first: max(0, x), log(1 + exp x), or x itself.

    A vector holds positive weights only. So `IDENTITY` differs from `RELU` just where numbers of
    either sign are summed, or the one of largest magnitude is taken: what is negative then is left
    out. `SOFTPLUS` gives every term a weight.
    """

    RELU = "relu"
    SOFTPLUS = "softplus"
    IDENTITY = "identity"


class Pooling(StrEnum):
    """What stands for a term whose weight every token of a text proposes."""

    MAX = "max"
    SUM = "sum"
    MAGNITUDE = "magnitude"


class Repeats(StrEnum):
    """What stands for a term that occurs several times in a text."""

    MAX = "max"
    SUM = "sum"


class Head(StrEnum):
    """A linear layer that reads one number off the hidden state of a token.

    Models of transformers have none; a checkpoint must bring those that a weighting needs.
    """

    TOKEN = "token"
    IMPORTANCE = "importance"
    QUALITY = "quality"


class PooledTokens(StrEnum):
    """Which tokens of a text propose weights, those that the model adds around it included or not.

    A special token that is written in the text, such as ``[SEP]``, is a token of the text.
    """

    ALL = "all"
    TEXT = "text"
    FIRST = "first"


class VocabularyWeighting(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="vocabulary"
):
    """Weights from the logits of a masked-language model ("MLM", and "clsMLM" of the first token).

    weight[j] = q * pool over tokens i of saturated(activation(logit[i, j] * u[i]))

    Attributes:
        activation: of the logits.
        pooling: over the tokens.
        saturation: how often log(1 + max(0, x)) is taken: once in SPLADE (T. Formal et al.,
            "SPLADE v2", 2021), twice in inference-free models with l0 activation (X. Shen
            et al., "Exploring l0 Sparsification for Inference-free Sparse Retrievers", 2025).
        tokens: which propose weights; with and without [CLS], [SEP] and their like.
        lexical: whether only the text's own terms keep their weights, special tokens not counted
            among them; else the text is expanded.
        importance: whether u[i] = log(1 + softplus(head `IMPORTANCE` of token i)), rather than 1.
        quality: whether q = sigmoid(head `QUALITY` of the first token), rather than 1. Both are
            of S. MacAvaney et al., "Expansion via Prediction of Importance with
            Contextualization" (EPIC), 2020.
    """

    activation: Activation = Activation.RELU
    pooling: Pooling = Pooling.MAX
    saturation: Saturation = 1
    tokens: PooledTokens = PooledTokens.ALL
    lexical: bool = False
    importance: bool = False
    quality: bool = False

    @property
    def heads(self) -> list[Head]:
        """The heads that it needs beside the vocabulary's."""
        return [Head.IMPORTANCE] * self.importance + [Head.QUALITY] * self.quality

    @property
    def takes_largest_logit(self) -> bool:
        """Whether a term's largest logit decides: of that alone, what rises can be taken later."""
        is_simple = self.pooling is Pooling.MAX and self.activation is not Activation.SOFTPLUS
        return is_simple and not self.heads

    @property
    def is_dense(self) -> bool:
        """Whether every term of the vocabulary gets a weight in every text."""
        return self.activation is Activation.SOFTPLUS and not self.lexical

    @property
    def ceiling(self) -> float | None:
        """Largest weight to expect, if there is any."""
        is_bounded = self.saturation > 0 and self.pooling is not Pooling.SUM
        return SATURATED_CEILING if is_bounded else None


class TokenWeighting(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="token"):
    """A weight for every token of the text, from its hidden state h ("MLP"); nothing is expanded.

    weight[t] = the maximum, or sum, over the places i of term t of
    saturated(activation(a . h[i] + b)), where (a, b) is the head `TOKEN`. Special tokens are no
    terms, wherever they stand.

    Attributes:
        repeats: the framework sums them in queries, and takes their maximum in documents.
        activation: of the head's number.
        saturation: how often log(1 + max(0, x)) is taken.
    """

    repeats: Repeats
    activation: Activation = Activation.RELU
    saturation: Saturation = 1

    @property
    def tokens(self) -> PooledTokens:
        """Which tokens propose weights."""
        return PooledTokens.TEXT

    @property
    def heads(self) -> list[Head]:
        """The heads that it needs."""
        return [Head.TOKEN]

    @property
    def is_dense(self) -> bool:
        """Whether every term of the vocabulary gets a weight in every text."""
        return False

    @property
    def lexical(self) -> bool:
        """Whether only the text's own terms keep their weights, special tokens not among them."""
        return True

    @property
    def ceiling(self) -> float | None:
        """Largest weight to expect, if there is any."""
        is_bounded = self.saturation > 0 and self.repeats is Repeats.MAX
        return SATURATED_CEILING if is_bounded else None


class PresenceWeighting(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="presence"):
    """The same weight for every term of the text, however often it occurs ("BINARY").

    Special tokens weigh nothing.

    Attributes:
        weight: of each term.
    """

    weight: Annotated[float, msgspec.Meta(gt=0)] = 1.0

    @property
    def ceiling(self) -> float | None:
        """Largest weight to expect."""
        return self.weight


class TableWeighting(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="table"):
    """Weights from a table, of every term that occurs; see `lsr.encoders.query_table`.

    Attributes:
        special_tokens: whether special tokens in a text, such as ``[UNK]`` for what the vocabulary
            lacks, weigh what the table gives them. Else they weigh nothing, as in Z. Geng et al.,
            "Towards Competitive Search Relevance For Inference-Free Learned Sparse Retrievers",
            2024; sentence-transformers lets them.
    """

    special_tokens: bool = False

    @property
    def ceiling(self) -> float | None:
        """Largest weight to expect, if there is any."""
        return None


NetworkWeighting = VocabularyWeighting | TokenWeighting
CausalWeighting = DecoderWeighting | LiteralResidualWeighting | PromptWeighting
Weighting = NetworkWeighting | CausalWeighting | PresenceWeighting | TableWeighting


class Side(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one side's texts become vectors.

    Attributes:
        weighting: where the weights come from.
        prefix: text put before every text that has any.
        prune: the rule by which light weights of a vector are left out (`lsr.pruning`), such as
            ``top_k:256``; None to keep all.
        unit_length: whether a vector is divided by its Euclidean length afterwards.
    """

    weighting: Weighting = msgspec.field(default_factory=VocabularyWeighting)
    prefix: str = ""
    prune: str | None = None
    unit_length: bool = False

    @property
    def weight_ceiling(self) -> float | None:
        """Largest weight of a term to expect; None where there is no limit."""
        return self.weighting.ceiling

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        values: dict[str, Any] = msgspec.to_builtins(self)
        return values


SPLADE_MAX = Side()
"""SPLADE with max pooling, versions 2 and later: log(1 + max(0, largest logit))."""
