"""What would a chat model answer about a text, with gradients? Both halves of PromptReps, trained.

The formulas are those of `lsr.encoders.decoder.prompt_weigher`; a test holds the two together. Only
the rounding of weights to hundredths is left to the saved model: it has no gradient.

The prompt's beginning is the same for all texts. It is read once, for gradients too: what the
texts say of it is summed.

Paper: S. Zhuang et al., "PromptReps: Prompting Large Language Models to Generate Dense and Sparse
Representations for Zero-Shot Document Retrieval", 2024, supervised fine-tuning.
"""

from __future__ import annotations

from typing import Any

import torch

from lsr.encoders.decoder.prompt_weigher import WITHOUT_WORDS
from lsr.encoders.decoder.shared_prefix import read_texts
from lsr.encoders.decoder.weighers import last_hidden, saturated
from lsr.encoders.decoder.weighting import PromptWeighting
from lsr.encoders.torch_weighers import TextTensors


def prompt_halves(
    body: Any, layer: Any, batch: TextTensors, weighting: PromptWeighting
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return weights, shape (n_texts, n_terms), and dense rows of length 1, (n_texts, width).

    Args:
        body: a causal model whose "logits" are hidden states.
        layer: the linear layer over the vocabulary.
        batch: the texts, with the terms of their words.
        weighting: how many terms are kept; of one token of the answer.
    """
    output, skipped = read_texts(body, batch)
    last = last_hidden(output.logits, batch, skipped)
    logits = torch.nn.functional.linear(last, layer.weight, layer.bias).float()
    kept = torch.zeros_like(logits)
    for row, text in enumerate(batch.texts):
        assert text.literal is not None
        allowed = torch.from_numpy(text.literal).to(logits.device)
        n_kept = weighting.max_terms
        if not allowed.numel():
            allowed, n_kept = torch.arange(logits.shape[1], device=logits.device), WITHOUT_WORDS
        if allowed.numel() > n_kept:
            allowed = allowed[logits[row, allowed].topk(n_kept).indices]
        kept[row, allowed] = 1
    dense = torch.nn.functional.normalize(last, dim=1)
    return saturated(logits) * kept, dense
