"""How does one tower come about? From its files, by the backend that runs what they describe."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from lsr.encoders.backend import Backend
from lsr.encoders.decoder.loading import decoder_input, load_decoder_network
from lsr.encoders.layouts import TowerFiles
from lsr.encoders.method import (
    CausalWeighting,
    NetworkWeighting,
    PresenceWeighting,
    Side,
    TableWeighting,
    TokenWeighting,
)
from lsr.encoders.network import Network
from lsr.encoders.network_tower import NetworkTower
from lsr.encoders.precision import Precision
from lsr.encoders.query_table import read_query_table
from lsr.encoders.table_tower import TableTower
from lsr.encoders.text_input import TextInput
from lsr.encoders.tokenization import TextTokenizer
from lsr.encoders.tokenizer_files import read_tokenizer
from lsr.encoders.torch_model import load_transformers_tokenizer, require_torch
from lsr.encoders.torch_network import load_torch_network
from lsr.encoders.tower import Tower
from lsr.errors import ConfigError, UnsupportedModelError
from lsr.pruning import PruneRule

if TYPE_CHECKING:
    from tokenizers import Tokenizer

logger = logging.getLogger(__name__)

DEFAULT_MAX_LENGTH = 256


def load_tower(
    model: str,
    files: TowerFiles,
    *,
    max_length: int | None,
    precision: Precision,
    backend: Backend,
) -> Tower:
    """Load one tower; see `load_encoder`.

    Args:
        model: what the user named, for messages.
        files: what the tower is made of.
        max_length: most tokens of a text, or None.
        precision: of a network.
        backend: of a network.
    """
    weighting = files.side.weighting
    if isinstance(weighting, TableWeighting | PresenceWeighting):
        return _load_table(files, weighting, max_length)
    if isinstance(weighting, CausalWeighting):
        settled, tokenizer = Backend.TORCH, _decoder_tokenizer(files, backend, precision)
        network: Network = load_decoder_network(files, weighting, tokenizer, precision)
    else:
        _check_density(weighting, files.side)
        settled, tokenizer = _settled(backend, precision, files, weighting)
        network = _load_network(settled, files, weighting, tokenizer, precision)
    if max_length is None:
        max_length = min(files.max_length or DEFAULT_MAX_LENGTH, network.longest_input)
    if not 1 <= max_length <= network.longest_input:
        raise ConfigError(
            f"max_length is {max_length}, but the model {model!r} takes 1 to "
            f"{network.longest_input} tokens."
        )
    logger.info("Loaded %s: %d terms, %s in %s", model, network.n_terms, settled, network.precision)
    return NetworkTower(
        network=network,
        tokenizer=_text_input(files, weighting, tokenizer, max_length),
        tokens=_term_names(tokenizer, network.n_terms),
        is_lexical=not isinstance(weighting, CausalWeighting) and weighting.lexical,
        prune_rule=_prune_rule(files.side),
        has_unit_length=files.side.unit_length,
    )


def _check_density(weighting: NetworkWeighting, side: Side) -> None:
    """Refuse to give every term of the vocabulary a weight in every text."""
    if weighting.is_dense and side.prune is None:
        raise ConfigError(
            f"The activation {weighting.activation} gives every term of the vocabulary a weight in "
            "every text; give the side a rule for the light ones, such as prune = 'top_k:1000'."
        )


def _text_input(
    files: TowerFiles,
    weighting: NetworkWeighting | CausalWeighting,
    tokenizer: Tokenizer,
    max_length: int,
) -> TextInput:
    """Return what makes of a text what a network reads."""
    if isinstance(weighting, CausalWeighting):
        return decoder_input(files, weighting, tokenizer, max_length)
    return TextTokenizer(tokenizer, max_length, prefix=files.side.prefix, pooled=weighting.tokens)


def _decoder_tokenizer(files: TowerFiles, backend: Backend, precision: Precision) -> Tokenizer:
    """Return the tokenizer of a decoder.

    Raises:
        UnsupportedModelError: the native backend was asked for, or one of its number formats.
    """
    if backend is Backend.NATIVE or not Backend.TORCH.offers(precision):
        raise UnsupportedModelError(
            f"The native backend runs no causal language models, such as {str(files.folder)!r}; "
            "use the torch backend, in float32 or bfloat16."
        )
    require_torch()
    tokenizer = read_tokenizer(files.tokenizer, files.model_type)
    return tokenizer or load_transformers_tokenizer(files.tokenizer)


def _load_table(
    files: TowerFiles, weighting: TableWeighting | PresenceWeighting, max_length: int | None
) -> TableTower:
    """Return a tower that has read no weights but those in its table."""
    tokenizer = read_tokenizer(files.tokenizer, files.model_type)
    tokenizer = tokenizer or load_transformers_tokenizer(files.tokenizer)
    tokens = _term_names(tokenizer, files.config.get("vocab_size", tokenizer.get_vocab_size()))
    # Tokens around a text are for a network to read.
    texts = TextTokenizer(
        tokenizer,
        max_length or files.max_length or DEFAULT_MAX_LENGTH,
        prefix=files.side.prefix,
        adds_special_tokens=False,
    )
    if isinstance(weighting, TableWeighting):
        assert files.table is not None
        special = [] if weighting.special_tokens else texts.special.tolist()
        weights = read_query_table(files.table, tokens, special)
    else:
        weights = np.full(len(tokens), weighting.weight, np.float32)
        weights[texts.special] = 0
    return TableTower(
        texts,
        tokens,
        weights,
        prune_rule=_prune_rule(files.side),
        has_unit_length=files.side.unit_length,
    )


def _prune_rule(side: Side) -> PruneRule | None:
    return None if side.prune is None else PruneRule.parse(side.prune)


def _settled(
    backend: Backend, precision: Precision, files: TowerFiles, weighting: NetworkWeighting
) -> tuple[Backend, Tokenizer]:
    """Return the backend that AUTO stands for, and the tokenizer.

    Raises:
        UnsupportedModelError: the native backend was asked for and does not run the model.
    """
    from lsr.encoders.native import why_unsupported

    tokenizer = read_tokenizer(files.tokenizer, files.model_type)
    if backend is not Backend.TORCH and Backend.NATIVE.offers(precision):
        reason = why_unsupported(files.config, weighting)
        if files.adapter is not None:
            reason = "it has an adapter"
        if tokenizer is None:
            reason = "it has neither a tokenizer.json nor the vocab.txt of a BERT tokenizer"
        if reason is None and tokenizer is not None:
            return Backend.NATIVE, tokenizer
        message = f"The native backend does not run the model in {str(files.folder)!r}"
        if backend is Backend.NATIVE or not Backend.TORCH.offers(precision):
            raise UnsupportedModelError(f"{message}: {reason}; use the torch backend.")
        logger.warning("%s: %s; torch runs it.", message, reason)
    require_torch()
    return Backend.TORCH, tokenizer or load_transformers_tokenizer(files.tokenizer)


def _load_network(
    backend: Backend,
    files: TowerFiles,
    weighting: NetworkWeighting,
    tokenizer: Tokenizer,
    precision: Precision,
) -> Network:
    if backend is Backend.TORCH or isinstance(weighting, TokenWeighting):
        return load_torch_network(files, weighting, tokenizer, precision)
    from lsr.encoders.native import load_native_network

    return load_native_network(files, weighting, precision)


def _term_names(tokenizer: Tokenizer, n_terms: int) -> list[str]:
    """Return the name of each row of the head; models may pad it past the tokenizer's end."""
    size = tokenizer.get_vocab_size(with_added_tokens=True)
    names = {number: token for token, number in tokenizer.get_vocab(with_added_tokens=True).items()}
    largest = max(names, default=-1)
    if largest >= n_terms:
        raise UnsupportedModelError(
            f"The tokenizer has {size} tokens, up to id {largest}, but the model weights only "
            f"{n_terms} terms; they do not belong together."
        )
    return [names.get(number, f"[no token {number}]") for number in range(n_terms)]
