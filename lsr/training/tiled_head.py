"""How is a vocabulary head trained without all logits at once? In tiles, with saved places.

Max pooling keeps one logit of each term and text, and only that one has a gradient. So the product
is taken for a tile of terms at a time and reduced to the largest logit and the token that it came
from. On the way back the tokens are known, and the gradients are sums over (text, term) pairs with
any gradient, of which a sparse text has few: neither [batch, tokens, terms] nor its gradient ever
exists.

Of tokens with equal logits, the first takes the gradient.
"""

from __future__ import annotations

from typing import Any

import torch

TILE_LOGITS = 1 << 22
"""Logits per tile: 16 MB in float32."""

PAIRS_AT_ONCE = 1 << 14
"""Pairs whose rows of the matrix are gathered at a time on the way back."""


class _LargestLogits(torch.autograd.Function):
    """The largest logit of each term over the tokens of each text."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor,
        mask: torch.Tensor,
        numbers: torch.dtype,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        n_texts, n_tokens, width = hidden.shape
        n_terms = weight.shape[0]
        largest = weight.new_empty(n_texts, n_terms)
        places = torch.empty(n_texts, n_terms, dtype=torch.int32, device=hidden.device)
        # Tokens outside the mask take the hidden state of the first inside it: a maximum ignores
        # repeats, and what falls to one of them belongs to that first.
        first = mask.int().argmax(1)
        each = torch.arange(n_texts, device=hidden.device)
        inside = torch.where(mask[..., None], hidden, hidden[each, first][:, None])
        rows = inside.reshape(n_texts * n_tokens, width).to(numbers)
        tile = max(1, TILE_LOGITS // rows.shape[0])
        for start in range(0, n_terms, tile):
            part = slice(start, start + tile)
            logits = torch.addmm(bias[part].to(numbers), rows, weight[part].to(numbers).t())
            values, at = logits.view(n_texts, n_tokens, -1).max(1)
            largest[:, part] = values
            places[:, part] = torch.where(mask.gather(1, at), at, first[:, None])
        ctx.save_for_backward(hidden, weight, places)
        ctx.mark_non_differentiable(places)
        return largest, places

    @staticmethod
    def backward(
        ctx: Any, gradient: torch.Tensor, _places: torch.Tensor
    ) -> tuple[torch.Tensor | None, ...]:
        hidden, weight, places = ctx.saved_tensors
        n_texts, n_tokens, width = hidden.shape
        # Sums over many pairs are kept in the numbers of the weights, however narrow the products.
        rows = hidden.reshape(n_texts * n_tokens, width).to(weight.dtype)
        of_rows, of_weight = torch.zeros_like(rows), torch.zeros_like(weight)
        texts, terms = gradient.nonzero(as_tuple=True)
        for start in range(0, texts.numel(), PAIRS_AT_ONCE):
            part = slice(start, start + PAIRS_AT_ONCE)
            text, term = texts[part], terms[part]
            row = text * n_tokens + places[text, term]
            scale = gradient[text, term][:, None]
            of_rows.index_add_(0, row, scale * weight[term])
            of_weight.index_add_(0, term, scale * rows[row])
        return of_rows.view_as(hidden).to(hidden.dtype), of_weight, gradient.sum(0), None, None


def largest_logits(
    hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, mask: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the largest logit of each term over the tokens of each text, and whose it is.

    Args:
        hidden: shape (n_texts, n_tokens, width).
        weight: shape (n_terms, width).
        bias: shape (n_terms,), or None.
        mask: shape (n_texts, n_tokens), true for the tokens to look at, one at least of each text.

    Returns:
        (largest logits, of the weights' number format; positions of their tokens, int32), both of
        shape (n_texts, n_terms). Under autocast the products are taken in its number format.
    """
    if bias is None:
        bias = weight.new_zeros(weight.shape[0])
    kind = hidden.device.type
    is_mixed = torch.is_autocast_enabled(kind)
    numbers = torch.get_autocast_dtype(kind) if is_mixed else weight.dtype
    with torch.autocast(kind, enabled=False):
        largest, places = _LargestLogits.apply(hidden, weight, bias, mask, numbers)
    return largest, places
