"""What turns a transformer's output into weights? A weigher for each kind of weighting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.method import (
    Activation,
    Head,
    Repeats,
    TokenWeighting,
    VocabularyWeighting,
)
from lsr.encoders.pooling import activated
from lsr.encoders.tokenization import TokenizedText
from lsr.encoders.vocabulary_head import VocabularyHead
from lsr.sparse import SparseBatch

if TYPE_CHECKING:
    import torch

    LinearHeads = Mapping[Head, torch.nn.Linear]


@dataclass(frozen=True, slots=True)
class TextTensors:
    """Texts side by side, the shorter ones filled up.

    Attributes:
        ids: shape (batch, tokens), int64.
        mask: shape (batch, tokens), int64: 1 for the tokens of each text.
        pooled: shape (batch, tokens), true for the tokens that propose weights.
        texts: the same, as they were.
    """

    ids: torch.Tensor
    mask: torch.Tensor
    pooled: torch.Tensor
    texts: Sequence[TokenizedText]

    @classmethod
    def of(cls, texts: Sequence[TokenizedText], pad_id: int, device: torch.device) -> TextTensors:
        """Return texts, none of which is without tokens, filled up with a token of no meaning."""
        import torch

        shape = (len(texts), max(text.ids.size for text in texts))
        ids = np.full(shape, pad_id, dtype=np.int64)
        mask = np.zeros(shape, dtype=np.int64)
        pooled = np.zeros(shape, dtype=bool)
        for number, text in enumerate(texts):
            ids[number, : text.ids.size] = text.ids
            mask[number, : text.ids.size] = 1
            pooled[number, text.pooled] = True
        on_device = [torch.from_numpy(array).to(device) for array in (ids, mask, pooled)]
        return cls(on_device[0], on_device[1], on_device[2], texts)


class Weigher(Protocol):
    """Weighs the terms of texts by what a transformer says of them."""

    @property
    def n_terms(self) -> int:
        """Size of the vocabulary."""

    @property
    def n_parameters(self) -> int:
        """How many numbers every token is multiplied with."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""

    def weigh(self, body: Any, batch: TextTensors) -> SparseBatch:
        """Return one vector per text.

        Args:
            body: a transformers model.
            batch: the texts.
        """


class LogitWeigher:
    """Weighs every term of the vocabulary by its logits; see `VocabularyWeighting`.

    Args:
        vocabulary: the head of a masked-language model, whose body's "logits" are what the head
            multiplies.
        weighting: how logits become weights.
        heads: those that the weighting needs, by name.
        literal_terms: terms that only texts which hold them can have.
    """

    def __init__(
        self,
        vocabulary: VocabularyHead,
        weighting: VocabularyWeighting,
        heads: LinearHeads,
        literal_terms: Sequence[int] = (),
    ) -> None:
        self.n_terms = vocabulary.n_terms
        self.n_parameters = vocabulary.n_parameters
        self.device = vocabulary.device
        self._vocabulary = vocabulary
        self._weighting = weighting
        self._heads = heads
        self._must_occur = np.zeros(self.n_terms, dtype=np.bool_)
        self._must_occur[list(literal_terms)] = True

    def weigh(self, body: Any, batch: TextTensors) -> SparseBatch:
        """Return one vector per text."""
        output = body(
            input_ids=batch.ids, attention_mask=batch.mask, output_hidden_states=bool(self._heads)
        )
        if self._weighting.takes_largest_logit:
            weights = self._vocabulary.largest_logits(output.logits, batch.pooled)
        else:
            weights = self._vocabulary.pooled_weights(
                output.logits, batch.pooled, self._weighting, self._importance(output)
            )
        if self._weighting.quality:
            weights = weights * self._heads[Head.QUALITY](output.hidden_states[-1][:, 0]).sigmoid()
        late = self._weighting.saturation if self._weighting.takes_largest_logit else 0
        values = weights.cpu().numpy()
        if self._must_occur.any():
            for row, text in zip(values, batch.texts, strict=True):
                is_absent = self._must_occur.copy()
                is_absent[text.ids] = False
                row[is_absent] = 0
        return positive_rows(values, late)

    def _importance(self, output: Any) -> torch.Tensor | None:
        """Return that of each token, shape (batch, tokens), or None where all are 1."""
        if not self._weighting.importance:
            return None
        numbers = self._heads[Head.IMPORTANCE](output.hidden_states[-1])[..., 0]
        return activated(numbers, Activation.SOFTPLUS, saturation=1)


class TokenWeigher:
    """Weighs the tokens of a text by their hidden states; see `TokenWeighting`.

    Args:
        head: `Head.TOKEN`.
        weighting: how its numbers become weights.
        n_terms: size of the vocabulary.
    """

    def __init__(self, head: torch.nn.Linear, weighting: TokenWeighting, n_terms: int) -> None:
        self.n_terms = n_terms
        self.n_parameters = head.in_features
        self.device = head.weight.device
        self._head = head
        self._weighting = weighting

    def weigh(self, body: Any, batch: TextTensors) -> SparseBatch:
        """Return one vector per text."""
        hidden = body(input_ids=batch.ids, attention_mask=batch.mask).last_hidden_state
        numbers = self._head(hidden)[..., 0]
        weights = activated(numbers, self._weighting.activation, self._weighting.saturation)
        return SparseBatch.concatenate(
            [
                self._row(text.ids[text.pooled], row[text.pooled])
                for text, row in zip(batch.texts, weights.cpu().numpy(), strict=True)
            ]
        )

    def _row(self, ids: NDArray[np.int64], weights: NDArray[np.float32]) -> SparseBatch:
        """Return the vector of one text, whose terms may repeat."""
        terms, places = np.unique(ids.astype(np.uint32), return_inverse=True)
        if self._weighting.repeats is Repeats.SUM:
            merged = np.bincount(places, weights).astype(np.float32)
        else:
            merged = np.full(terms.size, -np.inf, np.float32)
            np.maximum.at(merged, places, weights)
        positive = merged > 0
        indptr = np.array([0, positive.sum()], np.int64)
        return SparseBatch(indptr, terms[positive], merged[positive], self.n_terms)


def positive_rows(values: NDArray[np.float32], saturation: int = 0) -> SparseBatch:
    """Return the positive values as a batch, one row each, after some times log(1 + x)."""
    n_rows, n_terms = values.shape
    flat = np.flatnonzero(values > 0)
    indptr = np.searchsorted(flat, np.arange(n_rows + 1, dtype=np.int64) * n_terms)
    terms = (flat % n_terms).astype(np.uint32)
    weights = values.reshape(-1)[flat]
    for _ in range(saturation):
        weights = np.log1p(weights)
    return SparseBatch(indptr.astype(np.int64), terms, weights, n_terms)
