"""What is the largest logit of each term over a text's tokens? Computed without all logits at once.

A masked-language model ends in a matrix product with one row per term: logits = hidden W^T + b.
SPLADE keeps only the maximum over the tokens, and of that only what is positive. So the product is
taken for a tile of terms at a time and reduced while the tile is in cache; the array [batch,
tokens, vocabulary] never exists.

The maximum is taken over the numbers' bits, read as signed integers. Positive floats are ordered
like those integers and above every negative float, whose order among themselves is reversed but
does not matter here. In bfloat16 that is seven times as fast as comparing floats, and only right
if the sign is: the bias must be in the product, as two more columns.

Paper: T. Formal, C. Lassance, B. Piwowarski, S. Clinchant, "SPLADE v2: Sparse Lexical and Expansion
Model for Information Retrieval", 2021, section 3 (max pooling).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lsr.encoders.method import VocabularyWeighting
from lsr.encoders.pooling import activated, pooled
from lsr.errors import UnsupportedModelError

if TYPE_CHECKING:
    import torch

TILE_LOGITS = 1 << 19
"""Logits per tile: 1 MB in bfloat16, which a core's cache holds. A batch of 4096 tokens takes 128
terms at a time; a query takes the whole vocabulary at once and saves the calls."""

PROBE_TOLERANCE = 1e-4
"""Largest difference to the model's own logits, relative to their size. float32 sums in another
order differ by about 1e-6; a head that is not the plain matrix product differs by far more."""


COARSE_PROBE_TOLERANCE = 2e-2
"""The same for a model in bfloat16, whose logits are rounded to three digits."""


class VocabularyHead:
    """The last matrix of a masked-language model, with the maximum over tokens built in.

    Args:
        weight: shape (n_terms, hidden size).
        bias: shape (n_terms,), or None.
        dtype: number format of the matrix product, float32 or bfloat16.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None, dtype: torch.dtype) -> None:
        import torch

        weight = weight.detach()
        bias = weight.new_zeros(weight.shape[0]) if bias is None else bias.detach()
        # Two columns hold the bias to twice the digits of bfloat16; sums are kept in float32.
        coarse = bias.to(dtype)
        fine = (bias - coarse).to(dtype)
        self._matrix = torch.cat([weight.to(dtype), coarse[:, None], fine[:, None]], dim=1)
        self._bits = {torch.bfloat16: torch.int16, torch.float32: torch.int32}[dtype]

    @property
    def n_terms(self) -> int:
        """Size of the vocabulary."""
        return int(self._matrix.shape[0])

    @property
    def n_parameters(self) -> int:
        """Numbers in the matrix."""
        return int(self._matrix.numel())

    @property
    def device(self) -> torch.device:
        """Where the product is computed."""
        return self._matrix.device

    def largest_logits(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return the largest logit of each term over the tokens of each text, or 0 if negative.

        Args:
            hidden: shape (batch, tokens, hidden size), float32.
            mask: shape (batch, tokens), true for the tokens to look at, one at least of each text.

        Returns:
            shape (batch, n_terms), float32.
        """
        import torch

        n_texts, n_tokens, width = hidden.shape
        n_rows = n_texts * n_tokens
        flat = self._matrix.new_ones(n_rows, width + 2)
        # Tokens outside the mask take the hidden state of one inside it. A maximum ignores repeats,
        # so this equals setting their logits to -inf, at no cost per term.
        first = hidden[torch.arange(n_texts), mask.int().argmax(1)][:, None]
        flat[:, :width] = torch.where(mask[..., None], hidden, first).view(n_rows, width)
        largest = flat.new_empty(n_texts, self.n_terms)
        for start, logits in self._tiles(flat):
            torch.amax(
                logits.view(self._bits).view(n_texts, n_tokens, -1),
                1,
                out=largest.view(self._bits)[:, start : start + logits.shape[1]],
            )
        return largest.float().clamp_(min=0)

    def pooled_weights(
        self,
        hidden: torch.Tensor,
        mask: torch.Tensor,
        weighting: VocabularyWeighting,
        importance: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return the weight of each term as any weighting has it, but for its quality.

        Args:
            hidden: shape (batch, tokens, hidden size), float32.
            mask: shape (batch, tokens), true for the tokens to look at, one at least of each text.
            weighting: the activation, saturation and pooling.
            importance: shape (batch, tokens), float32, that the logits are multiplied with.

        Returns:
            shape (batch, n_terms), float32.
        """
        n_texts, n_tokens, width = hidden.shape
        flat = self._matrix.new_ones(n_texts * n_tokens, width + 2)
        flat[:, :width] = hidden.view(n_texts * n_tokens, width)
        weights = hidden.new_empty(n_texts, self.n_terms)
        for start, tile in self._tiles(flat):
            logits = tile.float().view(n_texts, n_tokens, -1)
            if importance is not None:
                logits = logits * importance[..., None]
            proposed = activated(logits, weighting.activation, weighting.saturation)
            weights[:, start : start + tile.shape[1]] = pooled(proposed, mask, weighting.pooling)
        return weights

    def _tiles(self, flat: torch.Tensor) -> Iterator[tuple[int, torch.Tensor]]:
        """Yield the logits of a tile of terms, shape (rows, tile), and the first term's number."""
        import torch

        n_rows = flat.shape[0]
        tile = min(self.n_terms, max(1, TILE_LOGITS // n_rows))
        buffer = flat.new_empty(n_rows * tile)
        for start in range(0, self.n_terms, tile):
            rows = self._matrix[start : start + tile]
            logits = buffer[: n_rows * rows.shape[0]].view(n_rows, rows.shape[0])
            torch.mm(flat, rows.t(), out=logits)
            yield start, logits


def split_head(model: Any, dtype: torch.dtype, probe: tuple[Any, Any]) -> VocabularyHead:
    """Take the vocabulary head off a masked-language model, in place.

    Afterwards the model's "logits" are the hidden states that the head would have multiplied.

    Args:
        model: a transformers model for masked-language modelling.
        dtype: number format of the head's matrix product.
        probe: input ids and attention mask, on which the split must reproduce the model's logits.

    Raises:
        UnsupportedModelError: the model does not end in a plain linear layer.
    """
    import torch

    ids, mask = probe
    layer = model.get_output_embeddings()
    if not isinstance(layer, torch.nn.Linear):
        raise UnsupportedModelError(
            f"The model's output layer is {type(layer).__name__}, not a linear layer over the "
            "vocabulary, so it has no term weights to read."
        )
    with torch.inference_mode():
        logits = model(input_ids=ids, attention_mask=mask).logits
        expected = logits.masked_fill(~mask.bool()[..., None], -torch.inf).amax(1)
        _replace(model, layer, torch.nn.Identity())
        hidden = model(input_ids=ids, attention_mask=mask).logits
        # Shifted so that every logit is positive and the comparison covers every term.
        shift = 1 - expected.min()
        bias = shift.expand(layer.out_features) + (0 if layer.bias is None else layer.bias)
        shifted = VocabularyHead(layer.weight, bias, torch.float32)
        difference = float(
            (shifted.largest_logits(hidden, mask.bool()) - shift - expected).abs().max()
        )
    is_coarse = layer.weight.dtype is not torch.float32
    tolerance = COARSE_PROBE_TOLERANCE if is_coarse else PROBE_TOLERANCE
    scale = max(1.0, float(expected.abs().max()))
    # Written so that a NaN, which compares false, and an infinite scale are refused too.
    if not difference <= tolerance * scale < float("inf"):
        raise UnsupportedModelError(
            f"The model's logits are off by {difference:.3g} from its last layer's matrix product, "
            "so it computes more after that layer than this version knows."
        )
    return VocabularyHead(layer.weight, layer.bias, dtype)


def _replace(model: Any, layer: Any, replacement: Any) -> None:
    name = next(name for name, module in model.named_modules() if module is layer)
    parent, _, attribute = name.rpartition(".")
    setattr(model.get_submodule(parent), attribute, replacement)
