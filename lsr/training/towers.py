"""What is trained? Towers of torch modules that compute what `lsr.encoders` computes of a method.

The formulas are those of `lsr.encoders.method`, with gradients; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lsr.encoders.decoder.attention import hidden_states
from lsr.encoders.decoder.weighting import (
    Attention,
    DecoderWeighting,
    LiteralResidualWeighting,
    PromptWeighting,
)
from lsr.encoders.method import (
    Activation,
    Head,
    NetworkWeighting,
    Repeats,
    Side,
    TokenWeighting,
    VocabularyWeighting,
)
from lsr.encoders.pooling import activated, pooled
from lsr.encoders.tokenization import TokenizedText
from lsr.encoders.torch_model import pad_id
from lsr.encoders.torch_weighers import TextTensors
from lsr.errors import UnsupportedModelError
from lsr.pruning import PruneRule, PruneType
from lsr.training.decoder_weights import LiteralResidual, decoder_weights
from lsr.training.prompt_halves import prompt_halves
from lsr.training.tiled_head import largest_logits


class Network(torch.nn.Module):
    """A transformers model and its heads; one may stand in both towers.

    Args:
        body: the model; with a head over the vocabulary if `has_vocabulary`.
        heads: linear layers from hidden states to numbers, by `Head`.
        has_vocabulary: whether the body has a head over the vocabulary.
        attention: of a causal language model; None for a masked one.
        residual: PROSPER's layer, for a decoder that has one.
    """

    def __init__(
        self,
        body: Any,
        heads: dict[Head, torch.nn.Linear],
        has_vocabulary: bool,
        attention: Attention | None = None,
        residual: LiteralResidual | None = None,
    ) -> None:
        super().__init__()
        self.body = body
        self.attention = attention
        self.residual = residual
        self.heads = torch.nn.ModuleDict({head.value: layer for head, layer in heads.items()})
        self.has_vocabulary = has_vocabulary
        self.pad_id = pad_id(body)
        self.n_terms = int(body.config.vocab_size)
        if has_vocabulary:
            layer = body.get_output_embeddings()
            self.n_terms = int(layer.out_features)
            # The body then ends in what the head multiplies; the layer, which may be tied to the
            # embeddings, keeps its place and its name.
            layer.forward = _as_it_is

    def forward(self, batch: TextTensors) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return the last hidden states, and what the vocabulary's head multiplies."""
        if self.attention is not None:
            hidden = hidden_states(self.body, batch.ids, batch.mask, self.attention)
            return hidden, hidden
        needs_states = bool(self.heads) or not self.has_vocabulary
        output = self.body(
            input_ids=batch.ids, attention_mask=batch.mask, output_hidden_states=needs_states
        )
        if not self.has_vocabulary:
            return output.last_hidden_state, None
        return output.hidden_states[-1] if needs_states else output.logits, output.logits

    @property
    def vocabulary(self) -> Any:
        """The linear layer over the vocabulary."""
        return self.body.get_output_embeddings()

    def number(self, head: Head, hidden: torch.Tensor) -> torch.Tensor:
        """Return what a head reads off hidden states, of their shape but for the last dimension."""
        return self.heads[head.value](hidden)[..., 0].float()


def _as_it_is(hidden: torch.Tensor) -> torch.Tensor:
    return hidden


class NetworkTower(torch.nn.Module):
    """A side that is weighted by a network.

    Args:
        network: what computes.
        side: how its output becomes weights.
        special: ids of special tokens.

    Attributes:
        n_terms: size of the vocabulary.
        dense_size: numbers of the dense half; 0 where the method has none.
    """

    def __init__(self, network: Network, side: Side, special: NDArray[np.int64]) -> None:
        super().__init__()
        self.network = network
        self.side = side
        self.n_terms = network.n_terms
        is_prompted = isinstance(side.weighting, PromptWeighting)
        self.dense_size = int(network.body.config.hidden_size) if is_prompted else 0
        self._special = special
        self._top_k = _top_k(side)

    def forward(self, texts: Sequence[TokenizedText]) -> torch.Tensor:
        """Return the vectors of texts, none of them without tokens.

        Shape (n_texts, n_terms + dense_size): the weights of terms, and then the dense half.
        """
        device = next(self.network.parameters()).device
        batch = TextTensors.of(texts, self.network.pad_id, device)
        weighting = self.side.weighting
        if isinstance(weighting, PromptWeighting):
            body, layer = self.network.body, self.network.vocabulary
            weights, dense = prompt_halves(body, layer, batch, weighting)
            return torch.cat([finished(weights, self.side, self._top_k), dense], 1)
        hidden, logits = self.network(batch)
        if isinstance(weighting, TokenWeighting):
            weights = self._of_tokens(hidden, batch, weighting)
        else:
            assert logits is not None
            weights = self._of_terms(hidden, logits, batch)
        if isinstance(weighting, NetworkWeighting) and weighting.lexical:
            own = presence(texts, self._special, self.n_terms, device)
            weights = weights * own
        return finished(weights.clamp(min=0), self.side, self._top_k)

    def first_token_share(self, texts: Sequence[TokenizedText]) -> float | None:
        """Return how much of texts' largest logits above zero comes from their first token.

        None where a weight does not come from one token.
        """
        weighting = self.side.weighting
        is_of_one = isinstance(weighting, DecoderWeighting) or (
            isinstance(weighting, VocabularyWeighting) and weighting.takes_largest_logit
        )
        if not is_of_one:
            return None
        layer = self.network.vocabulary
        with torch.no_grad():
            batch = TextTensors.of(texts, self.network.pad_id, layer.weight.device)
            _, logits = self.network(batch)
            largest = largest_logits(logits, layer.weight, layer.bias, batch.pooled).relu()
            first = torch.nn.functional.linear(logits[:, 0], layer.weight, layer.bias)
        first = torch.where((first >= largest) & batch.pooled[:, :1], largest, 0)
        return float(first.sum() / largest.sum().clamp(min=1e-9))

    def _of_terms(
        self,
        hidden: torch.Tensor,
        logits: torch.Tensor,
        batch: TextTensors,
    ) -> torch.Tensor:
        layer, weighting = self.network.vocabulary, self.side.weighting
        if isinstance(weighting, DecoderWeighting):
            return decoder_weights(logits, layer, batch, weighting)
        if isinstance(weighting, LiteralResidualWeighting):
            assert self.network.residual is not None
            return self.network.residual.weights(logits, layer, batch)
        assert isinstance(weighting, VocabularyWeighting)
        if weighting.takes_largest_logit:
            weights = largest_logits(logits, layer.weight, layer.bias, batch.pooled)
            weights = activated(weights, weighting.activation, weighting.saturation)
        else:
            each = torch.nn.functional.linear(logits, layer.weight, layer.bias).float()
            if weighting.importance:
                numbers = self.network.number(Head.IMPORTANCE, hidden)
                each = each * activated(numbers, Activation.SOFTPLUS, 1)[..., None]
            each = activated(each, weighting.activation, weighting.saturation)
            weights = pooled(each, batch.pooled, weighting.pooling)
        if weighting.quality:
            quality = self.network.number(Head.QUALITY, hidden[:, 0]).sigmoid()
            weights = weights * quality[:, None]
        return weights

    def _of_tokens(
        self, hidden: torch.Tensor, batch: TextTensors, weighting: TokenWeighting
    ) -> torch.Tensor:
        numbers = self.network.number(Head.TOKEN, hidden)
        each = activated(numbers, weighting.activation, weighting.saturation)
        # Tokens outside the text go to a column beyond the vocabulary, which is cut off.
        columns = torch.where(batch.pooled, batch.ids, self.n_terms)
        empty = each.new_zeros(len(batch.texts), self.n_terms + 1)
        if weighting.repeats is Repeats.SUM:
            weights = empty.scatter_add(1, columns, each)
        else:
            weights = empty.scatter_reduce(1, columns, each, "amax", include_self=False)
        return weights[:, : self.n_terms]


class TableTower(torch.nn.Module):
    """A side that is weighted by a table: every term that occurs, however often.

    Args:
        weights: shape (n_terms,), none below zero.
        side: how it is said.
        special: ids of tokens that weigh nothing.
        is_trained: whether the weights are.
    """

    def __init__(
        self,
        weights: NDArray[np.float32],
        side: Side,
        special: NDArray[np.int64],
        is_trained: bool,
    ) -> None:
        super().__init__()
        self.side = side
        self.n_terms = weights.size
        self.dense_size = 0
        table = torch.from_numpy(weights.copy())
        self.table = torch.nn.Parameter(table, requires_grad=is_trained)
        self._special = special
        self._top_k = _top_k(side)

    def forward(self, texts: Sequence[TokenizedText]) -> torch.Tensor:
        """Return the vectors of texts, shape (n_texts, n_terms)."""
        occurs = presence(texts, self._special, self.n_terms, self.table.device)
        return finished(occurs * self.table.clamp(min=0), self.side, self._top_k)

    def first_token_share(self, texts: Sequence[TokenizedText]) -> None:
        """Return None: no weight comes from a token's place."""


Tower = NetworkTower | TableTower
"""A side of an encoder."""


class TrainableEncoder(torch.nn.Module):
    """A tower for queries and one for documents.

    Args:
        queries: tower of queries.
        documents: tower of documents; its network may be that of queries.
    """

    def __init__(self, queries: Tower, documents: Tower) -> None:
        super().__init__()
        self.queries = queries
        self.documents = documents

    @property
    def has_dense_half(self) -> bool:
        """Whether both sides have dense rows beside the weights of terms."""
        return self.queries.dense_size > 0 and self.documents.dense_size > 0

    @property
    def idf(self) -> torch.Tensor | None:
        """The weights of query terms, where a table gives them."""
        table = self.queries
        return table.table.detach() if isinstance(table, TableTower) else None

    def checkpoint_gradients(self) -> None:
        """Compute layers again on the way back, in place of keeping what they computed."""
        for tower in (self.queries, self.documents):
            if isinstance(tower, NetworkTower):
                body = tower.network.body
                # Later versions of transformers have another name for it, and warn of this one.
                name = "activation_checkpointing_enable"
                enable = getattr(body, name, body.gradient_checkpointing_enable)
                enable({"use_reentrant": False})


def presence(
    texts: Sequence[TokenizedText], special: NDArray[np.int64], n_terms: int, device: Any
) -> torch.Tensor:
    """Return 1 for the terms that occur in each text, special ones left out, else 0."""
    marks = np.zeros((len(texts), n_terms), np.float32)
    for row, text in zip(marks, texts, strict=True):
        row[text.ids] = 1
        row[special] = 0
    return torch.from_numpy(marks).to(device)


def finished(weights: torch.Tensor, side: Side, top_k: int | None) -> torch.Tensor:
    """Return vectors with what a side does to them in the end: the heaviest kept, of length 1."""
    if top_k is not None and top_k < weights.shape[1]:
        kept = weights.topk(top_k, dim=1).indices
        weights = weights * torch.zeros_like(weights).scatter(1, kept, 1.0)
    if side.unit_length:
        # The smallest normal number, so that empty vectors stay empty and have a gradient of zero.
        tiny = torch.finfo(weights.dtype).tiny
        weights = weights / weights.square().sum(1, keepdim=True).clamp(min=tiny).sqrt()
    return weights


def _top_k(side: Side) -> int | None:
    if side.prune is None:
        return None
    rule = PruneRule.parse(side.prune)
    if rule.prune_type is not PruneType.TOP_K:
        raise UnsupportedModelError(
            f"Vectors that are pruned by {side.prune} cannot be trained; only top_k can."
        )
    return int(rule.value)
