"""What turns a decoder's hidden states into weights? A weigher for each kind of weighting.

The head over the vocabulary is computed only at positions that propose weights: the second copy of
an echo, the last token of a text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.decoder.attention import hidden_states
from lsr.encoders.decoder.models import DecoderModel
from lsr.encoders.decoder.weighting import Attention, DecoderWeighting
from lsr.encoders.method import Activation, VocabularyWeighting
from lsr.encoders.torch_weighers import TextTensors, positive_rows
from lsr.encoders.vocabulary_head import VocabularyHead
from lsr.sparse import SparseBatch

if TYPE_CHECKING:
    import torch

_LOGITS = VocabularyWeighting(activation=Activation.IDENTITY, saturation=0)


class DecoderWeigher:
    """Weighs every term of the vocabulary by its largest logit; see `DecoderWeighting`.

    Args:
        model: kept, so that other towers find it loaded.
        weighting: how its logits become weights.
    """

    def __init__(self, model: DecoderModel, weighting: DecoderWeighting) -> None:
        self.n_terms = model.vocabulary.n_terms
        self.n_parameters = model.vocabulary.n_parameters
        self.device = model.vocabulary.device
        self._model = model
        self._weighting = weighting

    def weigh(self, body: Any, batch: TextTensors) -> SparseBatch:
        """Return one vector per text."""
        hidden = hidden_states(body, batch.ids, batch.mask, self._weighting.attention)
        scale = hidden.shape[-1] ** self._weighting.scale_exponent
        largest = self._model.vocabulary.largest_logits(*pooled_alone(hidden, batch))
        # The scale is positive and the logarithm rises: both may come after the maximum.
        return positive_rows((largest * scale).cpu().numpy(), saturation=1)


@dataclass(frozen=True, slots=True)
class ResidualLayer:
    """From hidden states to a number for each term: up(down(x)), or up(x) where `down` is None.

    Attributes:
        up: shape (n_terms, width).
        bias: shape (n_terms,), or None.
        down: shape (width, hidden size), for a layer of low rank; else None.
    """

    up: torch.Tensor
    bias: torch.Tensor | None = None
    down: torch.Tensor | None = None

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return shape (batch, n_terms) of hidden states of shape (batch, hidden size)."""
        import torch

        if self.down is not None:
            hidden = torch.nn.functional.linear(hidden, self.down)
        return torch.nn.functional.linear(hidden, self.up, self.bias)


class LiteralResidualWeigher:
    """Weighs terms by the last token; those of the text get more; see `LiteralResidualWeighting`.

    Args:
        model: as for `DecoderWeigher`.
        residual: gives the numbers of which the bonus is made.
    """

    def __init__(self, model: DecoderModel, residual: ResidualLayer) -> None:
        self.n_terms = model.vocabulary.n_terms
        # Both are multiplied with one token of each text, which is next to nothing per token.
        self.n_parameters = 0
        self.device = model.vocabulary.device
        self._model = model
        self._residual = residual

    def weigh(self, body: Any, batch: TextTensors) -> SparseBatch:
        """Return one vector per text."""
        hidden = hidden_states(body, batch.ids, batch.mask, Attention.CAUSAL)
        last = last_hidden(hidden, batch)
        weights = saturated(all_logits(self._model.vocabulary, last))
        bonus = self._residual(saturated(last))
        largest = bonus.amax(1)
        for row, text in enumerate(batch.texts):
            assert text.literal is not None
            weights[row, text.literal] += largest[row] - bonus[row, text.literal]
        return positive_rows(weights.cpu().numpy())


def last_hidden(hidden: torch.Tensor, batch: TextTensors, skipped: int = 0) -> torch.Tensor:
    """Return the hidden state of each text's last token, shape (batch, hidden size), float32.

    Args:
        hidden: shape (batch, tokens, hidden size), without the first `skipped` tokens.
        batch: the texts.
        skipped: how many tokens `hidden` begins after.
    """
    import torch

    rows = torch.arange(len(batch.texts), device=hidden.device)
    return hidden[rows, batch.mask.sum(1) - 1 - skipped].float()


def all_logits(vocabulary: VocabularyHead, hidden: torch.Tensor) -> torch.Tensor:
    """Return the logits of one token a text, shape (batch, n_terms), float32, of either sign."""
    mask = hidden.new_ones(hidden.shape[0], 1).bool()
    return vocabulary.pooled_weights(hidden[:, None], mask, _LOGITS)


def saturated(numbers: torch.Tensor) -> torch.Tensor:
    """Return log(1 + max(0, x))."""
    return numbers.clamp(min=0).log1p()


def pooled_alone(hidden: torch.Tensor, batch: TextTensors) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the hidden states that propose weights, side by side, and their mask."""
    import torch

    starts = np.array([text.pooled.start for text in batch.texts])
    sizes = np.array([text.pooled.stop for text in batch.texts]) - starts
    offsets: NDArray[np.int64] = np.arange(sizes.max())
    places = np.minimum(starts[:, None] + offsets, hidden.shape[1] - 1)
    at = torch.from_numpy(places).to(hidden.device)[..., None].expand(-1, -1, hidden.shape[2])
    mask = torch.from_numpy(offsets < sizes[:, None]).to(hidden.device)
    return hidden.gather(1, at), mask
