"""What does a token of a decoder see? The tokens before it, as it was trained, or all of its text.

transformers builds the mask of a causal model from one row per text, and takes a mask of four axes
as it is. So attention is opened in both directions by handing it that mask: nothing of the library
is replaced, and models that differ in attention can live side by side. Whether the mask is really
obeyed is tried out when a model is loaded, instead of read off a list of architectures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsr.encoders.decoder.weighting import Attention
from lsr.encoders.torch_model import first_line
from lsr.errors import UnsupportedModelError

if TYPE_CHECKING:
    import torch


def hidden_states(
    body: Any, ids: torch.Tensor, mask: torch.Tensor, attention: Attention
) -> torch.Tensor:
    """Return what the head of a causal model would multiply.

    Args:
        body: a causal model whose head is taken off, so that its "logits" are hidden states.
        ids: shape (batch, tokens), filled up on the right.
        mask: shape (batch, tokens), int64: 1 for the tokens of each text.
        attention: which tokens a token sees.

    Returns:
        shape (batch, tokens, hidden size), in the number format of the body.
    """
    if attention is Attention.BIDIRECTIONAL:
        n_tokens = ids.shape[1]
        mask = mask.bool()[:, None, None, :].expand(-1, 1, n_tokens, n_tokens)
    # Without a cache: nothing is generated, and keys and values of all layers would be kept.
    return body(input_ids=ids, attention_mask=mask, use_cache=False).logits


def open_attention(body: Any, probe: tuple[Any, Any]) -> None:
    """Make a causal model ready for attention in both directions, and check that it has it.

    Args:
        body: as for `hidden_states`; changed in place.
        probe: ids and mask of two texts, of which the second is shorter.

    Raises:
        UnsupportedModelError: what comes later in a text does not reach its first token, or what
            only fills it up does.
    """
    import torch

    for module in body.modules():
        if getattr(module, "is_causal", False):
            module.is_causal = False
    ids, mask = probe
    other_end, other_filling = ids.clone(), ids.clone()
    other_end[0, -1] = (ids[0, -1] + 1) % body.config.vocab_size
    other_filling[1, -1] = (ids[1, -1] + 1) % body.config.vocab_size
    try:
        with torch.inference_mode():
            first, ended, filled = (
                hidden_states(body, one, mask, Attention.BIDIRECTIONAL)[:, 0].float()
                for one in (ids, other_end, other_filling)
            )
    except Exception as error:  # architectures fail on an unexpected mask in any way
        raise UnsupportedModelError(
            f"The architecture {body.config.model_type!r} does not take a mask for attention in "
            f"both directions ({first_line(error)})."
        ) from error
    if torch.equal(first[0], ended[0]) or not torch.equal(first[1], filled[1]):
        raise UnsupportedModelError(
            f"The architecture {body.config.model_type!r} cannot attend in both directions: the "
            "first token of a text does not see exactly the text's own tokens; use causal "
            "attention."
        )
