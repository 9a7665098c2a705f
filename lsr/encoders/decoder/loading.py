"""How does a tower over a decoder come about? Its input, model and weigher, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.decoder.chat_prompt import chat_prompt
from lsr.encoders.decoder.glued_text import GluedText
from lsr.encoders.decoder.models import load_decoder
from lsr.encoders.decoder.prompt_network import PromptNetwork
from lsr.encoders.decoder.prompt_weigher import PromptWeigher
from lsr.encoders.decoder.residual_file import read_residual
from lsr.encoders.decoder.weighers import DecoderWeigher, LiteralResidualWeigher
from lsr.encoders.decoder.weighting import (
    Attention,
    BeginToken,
    DecoderWeighting,
    LiteralResidualWeighting,
)
from lsr.encoders.decoder.word_terms import word_terms
from lsr.encoders.layouts import TowerFiles
from lsr.encoders.method import CausalWeighting, PooledTokens
from lsr.encoders.precision import Precision
from lsr.encoders.text_input import TextInput
from lsr.encoders.tokenization import TextTokenizer, special_ids, special_tokens_around
from lsr.encoders.torch_network import TorchNetwork

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def load_decoder_network(
    files: TowerFiles, weighting: CausalWeighting, tokenizer: Tokenizer, precision: Precision
) -> TorchNetwork:
    """Load the network of a tower over a decoder.

    Args:
        files: of a checked checkpoint.
        weighting: how it weighs terms.
        tokenizer: the model's.
        precision: of the whole model.

    Raises:
        UnsupportedModelError: the model cannot be loaded, or not be computed in this way.
    """
    attention = Attention.CAUSAL
    if isinstance(weighting, DecoderWeighting):
        attention = weighting.attention
    model = load_decoder(files, attention, tokenizer, precision)
    if isinstance(weighting, DecoderWeighting):
        weigher = DecoderWeigher(model, weighting)
        return TorchNetwork(model.body, weigher, model.precision)
    if isinstance(weighting, LiteralResidualWeighting):
        residual = read_residual(
            files.adapter or files.folder, model.vocabulary, int(model.body.config.hidden_size)
        )
        literal = LiteralResidualWeigher(model, residual)
        return TorchNetwork(model.body, literal, model.precision)
    ends = _ends_of_answers(tokenizer, model.vocabulary.n_terms)
    return PromptNetwork(model.body, PromptWeigher(model, weighting, ends), model.precision)


def decoder_input(
    files: TowerFiles, weighting: CausalWeighting, tokenizer: Tokenizer, max_length: int
) -> TextInput:
    """Return what makes of a text what a decoder reads.

    Args:
        files: of a checked checkpoint.
        weighting: how it weighs terms.
        tokenizer: the model's.
        max_length: most tokens, with everything around the text.

    Raises:
        ConfigError: `max_length` leaves no room for a token of the text.
        UnsupportedModelError: the model cannot be prompted.
    """
    prefix = files.side.prefix
    if isinstance(weighting, DecoderWeighting):
        is_read = weighting.begin_token is not BeginToken.LEFT_OUT
        is_pooled = weighting.begin_token is BeginToken.POOLED
        if weighting.echo is None:
            return TextTokenizer(
                tokenizer,
                max_length,
                prefix=prefix,
                pooled=PooledTokens.ALL if is_pooled else PooledTokens.TEXT,
                adds_special_tokens=is_read,
            )
        begin, end = _around(tokenizer) if is_read else ([], [])
        return GluedText(
            tokenizer,
            max_length,
            before=[*begin, *_ids(tokenizer, prefix)],
            between=_ids(tokenizer, weighting.echo),
            after=end,
        )
    if isinstance(weighting, LiteralResidualWeighting):
        begin, end = _around(tokenizer)
        return GluedText(
            tokenizer,
            max_length,
            before=[*begin, *_ids(tokenizer, prefix)],
            after=end,
            last_token_only=True,
            literal=lambda _, ids: np.unique(ids),
        )
    before, after = chat_prompt(files.tokenizer, weighting)
    return GluedText(
        tokenizer,
        max_length,
        before=_ids(tokenizer, before + prefix),
        after=_ids(tokenizer, after),
        last_token_only=True,
        literal=lambda text, _: word_terms(tokenizer, text),
    )


def _around(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """Return the special tokens that the tokenizer puts before a text, and after it."""
    before, after = special_tokens_around(tokenizer)
    return before.tolist(), after.tolist()


def _ids(tokenizer: Tokenizer, text: str) -> list[int]:
    return tokenizer.encode(text, add_special_tokens=False).ids


def _ends_of_answers(tokenizer: Tokenizer, n_terms: int) -> NDArray[np.bool_]:
    """Return which tokens end a quoted answer: those with a quote in them, and special ones."""
    ends = np.zeros(n_terms, bool)
    ends[special_ids(tokenizer)] = True
    for token, number in tokenizer.get_vocab(with_added_tokens=True).items():
        ends[number] |= '"' in token
    return ends
