"""How are several texts read that begin alike? What they have in common once, then each its rest.

Prompts begin with the same words whatever the text. What the model remembers of them does not
depend on what follows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsr.encoders.torch_weighers import TextTensors

if TYPE_CHECKING:
    import torch


def read_texts(body: Any, batch: TextTensors, *, goes_on: bool = False) -> tuple[Any, int]:
    """Return what a causal model says of texts, and how many of their first tokens it left out.

    Args:
        body: the model. Where it computes layers twice to save memory, it cannot remember, and
            every text is read whole.
        batch: the texts.
        goes_on: whether it is to remember the texts, for tokens that follow.
    """
    computes_twice = any(getattr(one, "gradient_checkpointing", False) for one in body.modules())
    prefix = 0 if computes_twice else _shared_prefix(batch)
    read = _read_once(body, batch.ids[:1, :prefix], len(batch.texts)) if prefix else None
    output = body(
        input_ids=batch.ids[:, prefix:],
        attention_mask=batch.mask,
        past_key_values=read,
        use_cache=goes_on or prefix > 0,
    )
    return output, prefix


def _shared_prefix(batch: TextTensors) -> int:
    """Return how many first tokens, short of a whole text, several texts have in common."""
    if len(batch.texts) == 1:
        return 0
    same = (batch.ids == batch.ids[:1]).all(0).long().cumprod(0).sum()
    return int(same.minimum(batch.mask.sum(1).min() - 1))


def _read_once(body: Any, prefix: torch.Tensor, n_texts: int) -> Any:
    """Return what the model remembers of a prompt's beginning, for each of the texts."""
    memory = body(input_ids=prefix, use_cache=True).past_key_values
    memory.batch_repeat_interleave(n_texts)
    return memory
