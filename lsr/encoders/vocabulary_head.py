"""What is the largest logit of each term over a text's tokens? Computed without all logits at once.

A masked-language model ends in a matrix product with one row per term: logits = hidden W^T + b.
SPLADE keeps only the maximum over the tokens, so the product is taken for a tile of terms at a time
and reduced while the tile is in cache; [batch, tokens, vocabulary] never exists. The bias is the
same for every token of a text, so it is added after the maximum.

Paper: T. Formal, C. Lassance, B. Piwowarski, S. Clinchant, "SPLADE v2: Sparse Lexical and Expansion
Model for Information Retrieval", 2021, section 3 (max pooling).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsr.errors import UnsupportedModelError

if TYPE_CHECKING:
    import torch

TILE_LOGITS = 1 << 19
"""Logits per tile: 1 MB in bfloat16, which a core's cache holds. A batch of 4096 tokens takes 128
terms at a time; a query takes the whole vocabulary at once and saves the calls."""

PROBE_TOLERANCE = 1e-4
"""Largest difference to the model's own logits, relative to their size. float32 sums in another
order differ by about 1e-6; a head that is not the plain matrix product differs by far more."""


class VocabularyHead:
    """The last matrix of a masked-language model, with the maximum over tokens built in.

    Args:
        weight: shape (n_terms, hidden size); a copy is kept in `dtype`.
        bias: shape (n_terms,), or None.
        dtype: number format of the matrix product.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None, dtype: torch.dtype) -> None:
        self.weight = weight.detach().to(dtype)
        self.bias = None if bias is None else bias.detach()

    @property
    def n_terms(self) -> int:
        """Size of the vocabulary."""
        return int(self.weight.shape[0])

    def largest_logits(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return the largest logit of each term over the tokens of each text.

        Args:
            hidden: shape (batch, tokens, hidden size), float32.
            mask: shape (batch, tokens), true for tokens and false for padding, which only stands
                at the end of a row.

        Returns:
            shape (batch, n_terms), float32.
        """
        import torch

        n_texts, n_tokens, width = hidden.shape
        # Padding takes the hidden state of its text's first token. A maximum ignores repeats, so
        # this equals setting the padding's logits to -inf, at no cost per term.
        hidden = torch.where(mask[..., None], hidden, hidden[:, :1])
        flat = hidden.to(self.weight.dtype).view(n_texts * n_tokens, width)
        largest = flat.new_empty(n_texts, self.n_terms)
        tile = min(self.n_terms, max(1, TILE_LOGITS // flat.shape[0]))
        buffer = flat.new_empty(flat.shape[0] * tile)
        for start in range(0, self.n_terms, tile):
            rows = self.weight[start : start + tile]
            logits = buffer[: flat.shape[0] * rows.shape[0]].view(flat.shape[0], rows.shape[0])
            torch.mm(flat, rows.t(), out=logits)
            torch.amax(logits.view(n_texts, n_tokens, -1), 1, out=largest[:, start : start + tile])
        result = largest.float()
        return result if self.bias is None else result + self.bias


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
        exact = VocabularyHead(layer.weight, layer.bias, torch.float32)
        difference = float((exact.largest_logits(hidden, mask.bool()) - expected).abs().max())
    scale = max(1.0, float(expected.abs().max()))
    # Written so that a NaN, which compares false, and an infinite scale are refused too.
    if not difference <= PROBE_TOLERANCE * scale < float("inf"):
        raise UnsupportedModelError(
            f"The model's logits are off by {difference:.3g} from its last layer's matrix product, "
            "so it computes more after that layer than this version knows."
        )
    return exact if dtype == torch.float32 else VocabularyHead(layer.weight, layer.bias, dtype)


def _replace(model: Any, layer: Any, replacement: Any) -> None:
    name = next(name for name, module in model.named_modules() if module is layer)
    parent, _, attribute = name.rpartition(".")
    setattr(model.get_submodule(parent), attribute, replacement)
