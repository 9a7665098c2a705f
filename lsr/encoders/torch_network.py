"""How does torch compute a masked-language model? As transformers has it, with our own head.

This is the reference for every other backend, and runs each architecture that transformers knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.method import Pooling, VocabularyWeighting
from lsr.encoders.precision import Precision
from lsr.encoders.tokenization import TokenizedText
from lsr.encoders.torch_model import (
    ModelHead,
    load_model,
    longest_input,
    n_multiplied,
    pad_id,
    quiet_transformers,
    require_torch,
    single_torch_thread,
)
from lsr.encoders.vocabulary_head import VocabularyHead, split_head
from lsr.sparse import SparseBatch

PROBE_TEXTS = ("What is learned sparse retrieval?", "a word")


class TorchNetwork:
    """A transformers model whose head is taken off; made by `load_torch_network`.

    Args:
        body: the transformer without its vocabulary head; its "logits" are hidden states.
        head: the vocabulary head.
        weighting: how logits become weights.
        precision: the head's, resolved.
    """

    def __init__(
        self,
        body: Any,
        head: VocabularyHead,
        weighting: VocabularyWeighting,
        precision: Precision,
    ) -> None:
        self.precision = precision
        self.n_terms = head.n_terms
        self.longest_input = longest_input(body)
        self.work_per_token = 2 * (head.n_parameters + n_multiplied(body))
        self.has_own_device = head.device.type != "cpu"
        self._body = body
        self._head = head
        self._weighting = weighting
        self.pad_id = pad_id(body)

    def encode(self, texts: Sequence[TokenizedText]) -> SparseBatch:
        """Return one vector per text."""
        import torch

        shape = (len(texts), max(text.ids.size for text in texts))
        ids = np.full(shape, self.pad_id, dtype=np.int64)
        mask = np.zeros(shape, dtype=np.int64)
        pooled = np.zeros(shape, dtype=bool)
        for number, text in enumerate(texts):
            ids[number, : text.ids.size] = text.ids
            mask[number, : text.ids.size] = 1
            pooled[number, text.pooled] = True
        with torch.inference_mode():
            input_ids, attention_mask, pooled_mask = (
                torch.from_numpy(array).to(self._head.device) for array in (ids, mask, pooled)
            )
            hidden = self._body(input_ids=input_ids, attention_mask=attention_mask).logits
            if self._weighting.pooling is Pooling.SUM:
                summed = self._head.summed_logits(hidden, pooled_mask, self._weighting.saturation)
                return positive_rows(summed.cpu().numpy())
            largest = self._head.largest_logits(hidden, pooled_mask)
        # The logarithm rises, so it may be taken of the largest logit alone.
        return positive_rows(largest.cpu().numpy(), self._weighting.saturation)

    def single_threaded(self) -> AbstractContextManager[None]:
        """Keep torch from splitting its operations while the block runs."""
        return single_torch_thread()


def load_torch_network(
    folder: Path,
    config: dict[str, Any],
    weighting: VocabularyWeighting,
    tokenizer: Any,
    precision: Precision,
) -> TorchNetwork:
    """Load the model in a checked folder.

    Args:
        folder: of the model.
        config: what its config.json says.
        weighting: how its logits become weights.
        tokenizer: gives the texts on which the model is tried out.
        precision: of the head.

    Raises:
        MissingDependencyError: torch or transformers is not installed.
        UnsupportedModelError: transformers does not know the model, or its weights are not whole.
    """
    require_torch()
    import torch

    with quiet_transformers():
        body = load_model(folder, config, ModelHead.MASKED, torch.float32)
    resolved = precision.resolved()
    head = split_head(body, resolved.torch_dtype(), probe(tokenizer, pad_id(body)))
    return TorchNetwork(body, head, weighting, resolved)


def probe(tokenizer: Any, pad_id: int) -> tuple[Any, Any]:
    """Return ids and mask of two short texts, of which one is padded."""
    import torch

    rows = [torch.tensor(tokenizer.encode(text).ids) for text in PROBE_TEXTS]
    pad = torch.nn.utils.rnn.pad_sequence
    ids = pad(rows, batch_first=True, padding_value=pad_id)
    mask = pad([torch.ones_like(row) for row in rows], batch_first=True)
    return ids, mask


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
