"""How does a causal language model weigh terms? Described as data, for `lsr.encoders.method`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

SATURATED_CEILING = 4.0
"""log(1 + x) reaches 4.0 at 53.6; logits stay below."""


class Attention(StrEnum):
    """Which tokens of a text a token sees: those before it, or all."""

    CAUSAL = "causal"
    BIDIRECTIONAL = "bidirectional"


class BeginToken(StrEnum):
    """Whether the special tokens that a tokenizer puts around a text are read, and pooled too.

    A pretrained model rests its attention on the token that begins every text, so it reads that
    token; pooled, it would give every text the same heaviest terms. Models that were trained as
    encoders without the token must not see it; those that were trained with it pooled need it so.
    """

    READ = "read"
    LEFT_OUT = "left out"
    POOLED = "pooled"


class DecoderWeighting(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="decoder"):
    """SPLADE on a decoder: log(1 + max(0, largest logit over the tokens of a text)).

    Papers: M. Doshi et al., "Mistral-SPLADE: LLMs for better Learned Sparse Retrieval", 2024
    (echo); Z. Xu et al., "CSPLADE: Learned Sparse Retrieval with Causal Language Models", 2025
    (the three ways of attention compared).

    Attributes:
        attention: which tokens a token sees.
        begin_token: whether special tokens around a text are read; an echo never pools them.
        echo: None to read a text once, and pool its prefix too. Otherwise the text is read twice,
            with this between, and only the second copy is pooled, whose tokens have all seen the
            whole text though attention is causal (J. M. Springer et al., "Repetition Improves
            Language Model Embeddings", 2024).
        scale_exponent: logits are multiplied by (hidden size) ** this; -0.25 tames those of large
            models (H. Zeng et al., "Scaling Sparse and Dense Retrieval in Decoder-Only LLMs",
            2025).
    """

    attention: Attention = Attention.CAUSAL
    begin_token: BeginToken = BeginToken.READ
    echo: str | None = None
    scale_exponent: Annotated[float, msgspec.Meta(le=0)] = 0.0

    @property
    def ceiling(self) -> float | None:
        """Largest weight to expect."""
        return SATURATED_CEILING


class LiteralResidualWeighting(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="literal residual"
):
    """The last token's logits, saturated, and a bonus for each term that the text holds.

        w = log(1 + max(0, logits));  b = linear(log(1 + max(0, hidden state)))
        weight of term j = w_j + (max over all terms of b - b_j, if j occurs in the text)

    Paper: "PROSPER", product search with sparse vectors of large language models, 2025 (literal
    residual network).
    """

    @property
    def ceiling(self) -> float | None:
        """None: the bonus is as large as the layer makes it."""
        return None


class PromptWeighting(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="prompt"):
    """What a chat model would say when asked for one word that stands for a text.

    The weight of a word of the text is log(1 + max(0, its logit as the answer)), to two decimals;
    other words have none. The hidden state behind those logits is the dense half.

    Paper: S. Zhuang et al., "PromptReps: Prompting Large Language Models to Generate Dense and
    Sparse Representations for Zero-Shot Document Retrieval", 2024.

    Attributes:
        system: what the model is told to be.
        request: what it is asked; ``{text}`` stands for the text.
        answer: how its answer begins; ends with an opening double quote.
        max_terms: the heaviest this many terms are kept.
        max_tokens: 1 to look at the first token of the answer alone. More to let it answer, with
            this many tokens or up to the closing quote: the dense half is then the mean over
            tokens, a logit the largest.
    """

    system: str
    request: str
    answer: str
    max_terms: Annotated[int, msgspec.Meta(ge=1)] = 128
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] = 1

    @property
    def ceiling(self) -> float | None:
        """Largest weight to expect."""
        return SATURATED_CEILING
