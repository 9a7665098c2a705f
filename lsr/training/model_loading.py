"""How does a training begin? With the towers of a model, and heads that it does not have yet.

A method may give a model sides that it was never trained for: that is what training is for. So a
head that is absent is made at random, and one network is copied where a method wants two.
"""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from lsr.encoders.adapter import merge_adapter
from lsr.encoders.decoder.attention import open_attention
from lsr.encoders.decoder.loading import decoder_input
from lsr.encoders.decoder.residual_file import FILE as RESIDUAL_FILE
from lsr.encoders.decoder.weighting import (
    Attention,
    DecoderWeighting,
    LiteralResidualWeighting,
    PromptWeighting,
)
from lsr.encoders.layouts import TowerFiles
from lsr.encoders.method import (
    Head,
    NetworkWeighting,
    PresenceWeighting,
    TableWeighting,
    TokenWeighting,
)
from lsr.encoders.model_card import ModelCard
from lsr.encoders.named_methods import Weights, method_named
from lsr.encoders.pairing import find_model
from lsr.encoders.query_table import read_query_table
from lsr.encoders.text_input import TextInput
from lsr.encoders.tokenization import TextTokenizer, special_ids
from lsr.encoders.tokenizer_files import read_tokenizer
from lsr.encoders.torch_model import (
    ModelHead,
    load_model,
    load_transformers_tokenizer,
    longest_input,
    pad_id,
    quiet_transformers,
)
from lsr.encoders.torch_network import probe
from lsr.errors import ConfigError, UnsupportedModelError, VocabularyMismatchError
from lsr.training.decoder_weights import LiteralResidual
from lsr.training.low_rank import adapted
from lsr.training.recipe import Frozen, ModelPart
from lsr.training.towers import Network, NetworkTower, TableTower, TrainableEncoder

logger = logging.getLogger(__name__)

FRESH_HEAD_SCALE = 0.02
"""Standard deviation of the weights of a head that is made at random, as of transformers' own."""

PROBE_TOLERANCE = 1e-4

Trained = NetworkWeighting | DecoderWeighting | LiteralResidualWeighting | PromptWeighting
"""Weightings by a network that can be trained."""


@dataclass(frozen=True, slots=True)
class StartingModel:
    """A model to be trained.

    Attributes:
        encoder: its towers.
        query_texts: makes of a query what the tower of queries reads.
        document_texts: the same of a document.
        query_files: what the tower of queries was made of.
        document_files: what the tower of documents was made of.
        cards: the model cards of what it starts from.
        sources: their names.
    """

    encoder: TrainableEncoder
    query_texts: TextInput
    document_texts: TextInput
    query_files: TowerFiles
    document_files: TowerFiles
    cards: tuple[ModelCard, ...]
    sources: tuple[str, ...]


def load_starting_model(part: ModelPart, seed: int) -> StartingModel:
    """Load what a recipe starts from.

    Args:
        part: of the recipe.
        seed: of heads that are made at random.

    Raises:
        ConfigError: there is no such method, or the texts are longer than the model reads.
        ModelNotFoundError: there is no such model.
        UnsupportedModelError: it cannot be trained by the method.
        VocabularyMismatchError: the towers weight terms of different vocabularies.
    """
    named = find_model(
        part.start, part.query_start, part.query_weights, needs_method=part.method is None
    )
    documents, queries = named.checkpoint.documents, named.checkpoint.queries
    weights = part.towers
    if part.method is not None:
        method = method_named(part.method)
        weights = weights or method.weights
        documents = _with_side(documents, method.documents)
        if part.query_weights is None:
            # Queries that had no network have one where the documents' is shared.
            has_network = isinstance(queries.side.weighting, Trained)
            queries = _with_side(queries if has_network else documents, method.queries)
    has_two = all(isinstance(one.side.weighting, Trained) for one in (documents, queries))
    is_one_folder = documents.folder == queries.folder
    is_shared = has_two and is_one_folder and weights is not Weights.SEPARATE
    if has_two and part.towers is Weights.SHARED and not is_shared:
        raise ConfigError(
            f"model.towers is shared, but documents start from {documents.folder} and queries from "
            f"{queries.folder}; leave query_start out."
        )
    document_tokenizer = _tokenizer(documents)
    query_tokenizer = document_tokenizer if is_one_folder else _tokenizer(queries)
    if query_tokenizer.get_vocab() != document_tokenizer.get_vocab():
        raise VocabularyMismatchError(
            f"The model {part.start!r} has another vocabulary than {part.query_start!r}, so their "
            "vectors could not be compared; start both towers from models of one tokenizer."
        )
    generator = torch.Generator().manual_seed(seed)
    both = [documents, queries]
    shared = _network(both, document_tokenizer, part, generator) if is_shared else None
    document_tower = _tower(documents, document_tokenizer, shared, part, generator)
    query_tower = _tower(
        queries, query_tokenizer, shared, part, generator, n_terms=document_tower.n_terms
    )
    if query_tower.n_terms != document_tower.n_terms:
        raise VocabularyMismatchError(
            f"Documents have {document_tower.n_terms} terms, but queries {query_tower.n_terms}; "
            "start both towers from models of one vocabulary."
        )
    encoder = TrainableEncoder(query_tower, document_tower)
    _freeze(encoder, part.frozen, is_shared)
    return StartingModel(
        encoder=encoder,
        query_texts=_texts(
            queries, query_tokenizer, query_tower, part.query_max_length or part.max_length
        ),
        document_texts=_texts(documents, document_tokenizer, document_tower, part.max_length),
        query_files=queries,
        document_files=documents,
        cards=named.cards,
        sources=tuple(one for one in (part.start, part.query_start) if one is not None),
    )


def _with_side(files: TowerFiles, side: Any) -> TowerFiles:
    if isinstance(side.weighting, Trained):
        side = msgspec.structs.replace(side, prefix=files.side.prefix or side.prefix)
    return dataclasses.replace(files, side=side, table=None, has_method=True)


def _tokenizer(files: TowerFiles) -> Any:
    return read_tokenizer(files.tokenizer, files.model_type) or load_transformers_tokenizer(
        files.tokenizer
    )


def _texts(
    files: TowerFiles, tokenizer: Any, tower: NetworkTower | TableTower, max_length: int
) -> TextInput:
    """Return what makes of a text what a tower reads."""
    prefix = files.side.prefix
    weighting = files.side.weighting
    if not isinstance(tower, NetworkTower) or not isinstance(weighting, Trained):
        return TextTokenizer(tokenizer, max_length, prefix=prefix, adds_special_tokens=False)
    longest = longest_input(tower.network.body)
    if max_length > longest:
        raise ConfigError(
            f"max_length is {max_length}, but the model in {str(files.folder)!r} takes 1 to "
            f"{longest} tokens."
        )
    if isinstance(weighting, NetworkWeighting):
        return TextTokenizer(tokenizer, max_length, prefix=prefix, pooled=weighting.tokens)
    return decoder_input(files, weighting, tokenizer, max_length)


def _tower(
    files: TowerFiles,
    tokenizer: Any,
    shared: Network | None,
    part: ModelPart,
    generator: torch.Generator,
    *,
    n_terms: int | None = None,
) -> NetworkTower | TableTower:
    special = special_ids(tokenizer)
    weighting = files.side.weighting
    if isinstance(weighting, PromptWeighting) and weighting.max_tokens > 1:
        raise UnsupportedModelError(
            f"The model in {str(files.folder)!r} weights terms by an answer of several tokens, "
            "which cannot be trained; name the method promptreps, which looks at the first alone."
        )
    if isinstance(weighting, Trained):
        network = shared or _network([files], tokenizer, part, generator)
        return NetworkTower(network, files.side, special)
    if isinstance(weighting, TableWeighting) and weighting.special_tokens:
        special = special[:0]
    size = n_terms or int(files.config.get("vocab_size", tokenizer.get_vocab_size()))
    table = _table(files, tokenizer, size, special)
    return TableTower(table, files.side, special, part.trains_query_weights)


def _table(
    files: TowerFiles, tokenizer: Any, n_terms: int, special: NDArray[np.int64]
) -> NDArray[np.float32]:
    weighting = files.side.weighting
    if isinstance(weighting, PresenceWeighting):
        weights = np.full(n_terms, weighting.weight, np.float32)
        weights[special] = 0
        return weights
    assert files.table is not None
    names = {number: token for token, number in tokenizer.get_vocab().items()}
    tokens = [names.get(number, f"[no token {number}]") for number in range(n_terms)]
    return read_query_table(files.table, tokens, special.tolist())


def _network(
    towers: list[TowerFiles], tokenizer: Any, part: ModelPart, generator: torch.Generator
) -> Network:
    """Load the network that some towers share."""
    files = towers[0]
    weightings = [one.side.weighting for one in towers if isinstance(one.side.weighting, Trained)]
    causal = [one for one in weightings if not isinstance(one, NetworkWeighting)]
    attention = _attention(causal) if causal else None
    has_vocabulary = any(not isinstance(one, TokenWeighting) for one in weightings)
    kind = ModelHead.MASKED if has_vocabulary else ModelHead.NONE
    kind = kind if attention is None else ModelHead.CAUSAL
    with quiet_transformers():
        body = load_model(
            files.folder, files.config, kind, torch.float32, tensor_prefix=files.tensor_prefix
        )
        if files.adapter is not None:
            body = merge_adapter(body, files.adapter)
    size = body.config.hidden_size
    of_heads = [one for one in weightings if isinstance(one, NetworkWeighting)]
    wanted = dict.fromkeys(head for one in of_heads for head in one.heads)
    heads = {head: _head(head, files, size, generator) for head in wanted}
    residual = None
    if any(isinstance(one, LiteralResidualWeighting) for one in causal):
        residual = _residual(files, size, int(body.config.vocab_size), part, generator)
    if has_vocabulary:
        texts = probe(tokenizer, pad_id(body))
        network = _without_head(body, heads, attention, residual, texts, files)
        if attention is Attention.BIDIRECTIONAL:
            open_attention(body, texts)
    else:
        network = Network(body, heads, has_vocabulary)
    if part.lora is not None:
        network.body = adapted(body, part.lora)
    return network


def _residual(
    files: TowerFiles, size: int, n_terms: int, part: ModelPart, generator: torch.Generator
) -> LiteralResidual:
    """Return PROSPER's layer of a checkpoint, or a random one where it has none."""
    file = (files.adapter or files.folder) / RESIDUAL_FILE
    if not file.is_file():
        return LiteralResidual(size, n_terms, part.residual_rank, generator)
    if part.residual_rank is not None:
        raise ConfigError(
            f"model.residual_rank is {part.residual_rank}, but {file} has the layer already; leave "
            "the rank out."
        )
    return LiteralResidual.read(file, size, n_terms)


def _attention(weightings: list[Any]) -> Attention:
    """Return what a token of a decoder sees, which is one thing for all towers of a network."""
    return (
        Attention.BIDIRECTIONAL
        if any(getattr(one, "attention", None) is Attention.BIDIRECTIONAL for one in weightings)
        else Attention.CAUSAL
    )


def _without_head(
    body: Any,
    heads: dict[Head, torch.nn.Linear],
    attention: Attention | None,
    residual: LiteralResidual | None,
    texts: tuple[Any, Any],
    files: TowerFiles,
) -> Network:
    """Return a network whose head over the vocabulary is multiplied elsewhere; see `Network`."""
    layer = body.get_output_embeddings()
    if not isinstance(layer, torch.nn.Linear):
        raise UnsupportedModelError(
            f"The output layer of the model in {str(files.folder)!r} is {type(layer).__name__}, "
            "not a linear layer over the vocabulary, so it has no term weights to train."
        )
    ids, mask = texts
    with torch.no_grad():
        expected = body(input_ids=ids, attention_mask=mask).logits
        network = Network(body, heads, True, attention, residual)
        hidden = body(input_ids=ids, attention_mask=mask).logits
        found = torch.nn.functional.linear(hidden, layer.weight, layer.bias)
    if not torch.allclose(found, expected, rtol=PROBE_TOLERANCE, atol=PROBE_TOLERANCE):
        raise UnsupportedModelError(
            f"The model in {str(files.folder)!r} computes more after its last linear layer than "
            "this version knows, so it cannot be trained."
        )
    return network


def _head(head: Head, files: TowerFiles, size: int, generator: torch.Generator) -> torch.nn.Linear:
    """Return a head of the checkpoint, or a random one where it has none."""
    layer = torch.nn.Linear(size, 1)
    with torch.no_grad():
        if head in files.heads:
            weight, bias = files.heads[head].read(size)
            layer.weight.copy_(torch.from_numpy(weight))
            layer.bias.copy_(torch.from_numpy(bias))
            return layer
        logger.info("%s has no %s head; training starts with a random one.", files.folder, head)
        layer.weight.normal_(0, FRESH_HEAD_SCALE, generator=generator)
        layer.bias.zero_()
    return layer


def _freeze(encoder: TrainableEncoder, frozen: Frozen, is_shared: bool) -> None:
    if frozen is not Frozen.NONE:
        if is_shared:
            raise ConfigError(
                f"model.frozen is {frozen}, but queries and documents share one network; set "
                "model.towers to separate."
            )
        tower = encoder.documents if frozen is Frozen.DOCUMENTS else encoder.queries
        for parameter in tower.parameters():
            parameter.requires_grad_(False)
    if not any(parameter.requires_grad for parameter in encoder.parameters()):
        raise ConfigError(
            "Nothing would be trained: neither side has a network that is not frozen, nor a table "
            "that is trained."
        )
