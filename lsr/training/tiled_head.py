"""How is a vocabulary head trained without all logits at once? In tiles, and again where it counts.

Max pooling keeps one logit of each term and text, and only that one has a gradient. So the product
is taken for a tile of terms at a time and reduced to the largest logit. On the way back, the tokens
that these came from are found by computing the logits of the (text, term) pairs with any gradient
once more: a sparse text has few. Finding them for all terms on the way there would take as long as
the product itself. Neither [batch, tokens, terms] nor its gradient ever exists.

Of tokens with equal logits, the first takes the gradient.
"""

from __future__ import annotations

from typing import Any

import torch

TILE_LOGITS = 1 << 20
"""Logits per tile: 4 MB in float32, which a processor's caches hold."""

PAIRS_AT_ONCE = 1 << 12
"""Terms of a text whose rows of the matrix are gathered at a time on the way back."""


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
    ) -> torch.Tensor:
        n_texts, n_tokens, width = hidden.shape
        n_terms = weight.shape[0]
        largest = weight.new_empty(n_texts, n_terms)
        # Tokens outside the mask take the hidden state of the first inside it: a maximum ignores
        # repeats.
        first = mask.int().argmax(1)
        each = torch.arange(n_texts, device=hidden.device)
        inside = torch.where(mask[..., None], hidden, hidden[each, first][:, None])
        rows = inside.reshape(n_texts * n_tokens, width).to(numbers)
        tile = max(1, TILE_LOGITS // rows.shape[0])
        for start in range(0, n_terms, tile):
            part = slice(start, start + tile)
            logits = torch.addmm(bias[part].to(numbers), rows, weight[part].to(numbers).t())
            largest[:, part] = logits.view(n_texts, n_tokens, -1).amax(1)
        ctx.save_for_backward(hidden, weight, mask)
        ctx.numbers = numbers
        return largest

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        hidden, weight, mask = ctx.saved_tensors
        # Sums over many pairs are kept in the numbers of the weights, however narrow the products.
        of_hidden = torch.zeros_like(hidden, dtype=weight.dtype)
        of_weight = torch.zeros_like(weight)
        for text in range(hidden.shape[0]):
            tokens = mask[text].nonzero()[:, 0]
            states = hidden[text, tokens]
            for terms in gradient[text].nonzero()[:, 0].split(PAIRS_AT_ONCE):
                rows = weight[terms]
                # The bias is the same for all tokens of a term.
                place = (states.to(ctx.numbers) @ rows.to(ctx.numbers).t()).argmax(0)
                scale = gradient[text, terms][:, None]
                of_hidden[text].index_add_(0, tokens[place], scale * rows)
                of_weight.index_add_(0, terms, scale * states[place].to(weight.dtype))
        return of_hidden.to(hidden.dtype), of_weight, gradient.sum(0), None, None


def largest_logits(
    hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, mask: torch.Tensor
) -> torch.Tensor:
    """Return the largest logit of each term over the tokens of each text, shape (n_texts, n_terms).

    Under autocast the products are taken in its number format; the result has the weights'.

    Args:
        hidden: shape (n_texts, n_tokens, width).
        weight: shape (n_terms, width).
        bias: shape (n_terms,), or None.
        mask: shape (n_texts, n_tokens), true for the tokens to look at, one at least of each text.
    """
    if bias is None:
        bias = weight.new_zeros(weight.shape[0])
    kind = hidden.device.type
    is_mixed = torch.is_autocast_enabled(kind)
    numbers = torch.get_autocast_dtype(kind) if is_mixed else weight.dtype
    with torch.autocast(kind, enabled=False):
        largest: torch.Tensor = _LargestLogits.apply(hidden, weight, bias, mask, numbers)
    return largest
