"""Which of a text's words would a chat model answer with? The sparse half of PromptReps, and dense.

With one token, the model is run once and looked at where its answer would begin. With several, the
answer is generated greedily up to the closing quote: a logit is the largest, and the dense half the
mean, over the tokens of the answer, each taken where it is about to be written.

Paper: S. Zhuang et al., "PromptReps: Prompting Large Language Models to Generate Dense and Sparse
Representations for Zero-Shot Document Retrieval", 2024.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.decoder.models import DecoderModel
from lsr.encoders.decoder.shared_prefix import read_texts
from lsr.encoders.decoder.weighers import all_logits, last_hidden, saturated
from lsr.encoders.decoder.weighting import PromptWeighting
from lsr.encoders.tokenization import TokenizedText
from lsr.encoders.torch_weighers import TextTensors
from lsr.sparse import SparseBatch

if TYPE_CHECKING:
    import torch

STEPS_PER_UNIT = 100
"""Weights are rounded to hundredths, as the paper's are to whole numbers after this factor."""

WITHOUT_WORDS = 10
"""Of a text without a single content word, this many terms of the whole vocabulary are kept."""


class PromptWeigher:
    """Weighs the words of texts as answers to a prompt; see `PromptWeighting`.

    Args:
        model: as for `lsr.encoders.decoder.weighers.DecoderWeigher`.
        weighting: how many terms and tokens.
        ends: shape (n_terms,), true for tokens that end an answer: those with a double quote in
            them, and those that end a turn.
    """

    def __init__(
        self, model: DecoderModel, weighting: PromptWeighting, ends: NDArray[np.bool_]
    ) -> None:
        self.n_terms = model.vocabulary.n_terms
        # Multiplied with one token of each text, which is next to nothing per token.
        self.n_parameters = 0
        self.device = model.vocabulary.device
        self._model = model
        self._weighting = weighting
        self._ends = ends

    def weigh(self, body: Any, batch: TextTensors) -> SparseBatch:
        """Return one vector per text."""
        return self.weigh_both(body, batch)[0]

    def weigh_both(self, body: Any, batch: TextTensors) -> tuple[SparseBatch, NDArray[np.float32]]:
        """Return one vector per text, and one dense row of length 1, shape (batch, hidden size)."""
        import torch

        logits, dense, n_tokens = torch.tensor(-torch.inf), torch.tensor(0.0), torch.tensor(0)
        for hidden, step_logits, going in self._steps(body, batch):
            logits = torch.maximum(logits, step_logits.masked_fill(~going, -torch.inf))
            dense = dense + hidden * going
            n_tokens = n_tokens + going
        dense = torch.nn.functional.normalize(dense / n_tokens, dim=1)
        return self._sparse(saturated(logits), batch.texts), dense.cpu().numpy()

    def _steps(
        self, body: Any, batch: TextTensors
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
        """Yield hidden states, logits, and whether a text's answer still goes on, token by token.

        Each has a row per text.

        Tokens of the answer follow the filling of shorter prompts, which the mask hides; positions
        are given, so that they are counted without it.
        """
        import torch

        asked = self._weighting.max_tokens
        output, prefix = read_texts(body, batch, goes_on=asked > 1)
        hidden = last_hidden(output.logits, batch, skipped=prefix)
        mask, positions = batch.mask, batch.mask.sum(1, keepdim=True)
        ends = torch.from_numpy(self._ends).to(self.device)
        going = torch.ones_like(positions, dtype=torch.bool)
        for step in range(asked):
            logits = all_logits(self._model.vocabulary, hidden)
            tokens = logits.argmax(1, keepdim=True)
            goes_on = going & ~ends[tokens]
            # A token that ends the answer is none of its tokens, but for the very first.
            yield hidden, logits, goes_on if step else going
            going = goes_on
            if step + 1 == asked or not going.any():
                return
            mask = torch.cat([mask, mask.new_ones(mask.shape[0], 1)], 1)
            output = body(
                input_ids=tokens,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=output.past_key_values,
                use_cache=True,
            )
            hidden = output.logits[:, -1].float()
            positions = positions + 1

    def _sparse(self, weights: torch.Tensor, texts: Sequence[TokenizedText]) -> SparseBatch:
        values = weights.cpu().numpy()
        rows = [self._row(row, text) for row, text in zip(values, texts, strict=True)]
        indptr = np.cumsum([0, *(terms.size for terms, _ in rows)], dtype=np.int64)
        terms = np.concatenate([terms for terms, _ in rows]).astype(np.uint32)
        return SparseBatch(indptr, terms, np.concatenate([kept for _, kept in rows]), self.n_terms)

    def _row(
        self, weights: NDArray[np.float32], text: TokenizedText
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the terms that are kept of one text, rising, and their weights."""
        assert text.literal is not None
        allowed, n_kept = text.literal, self._weighting.max_terms
        if not allowed.size:
            allowed, n_kept = np.arange(self.n_terms), WITHOUT_WORDS
        # Terms rise, so that among equals the stable sort keeps the lower one.
        heaviest = np.argsort(-weights[allowed], kind="stable")[:n_kept]
        terms = np.sort(allowed[heaviest])
        rounded = np.rint(weights[terms] * STEPS_PER_UNIT) / np.float32(STEPS_PER_UNIT)
        return terms[rounded > 0], rounded[rounded > 0].astype(np.float32)
