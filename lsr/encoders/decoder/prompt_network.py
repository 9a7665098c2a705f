"""What does a prompted model compute? A sparse and a dense vector of each text, in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.decoder.prompt_weigher import PromptWeigher
from lsr.encoders.precision import Precision
from lsr.encoders.tokenization import TokenizedText
from lsr.encoders.torch_network import TorchNetwork
from lsr.encoders.torch_weighers import TextTensors
from lsr.sparse import SparseBatch


class PromptNetwork(TorchNetwork):
    """A `TorchNetwork` with dense vectors beside the sparse ones.

    Args:
        body: the model.
        weigher: turns its output into both.
        precision: of the model, resolved.
    """

    def __init__(self, body: Any, weigher: PromptWeigher, precision: Precision) -> None:
        super().__init__(body, weigher, precision)
        self.dense_size = int(body.config.hidden_size)
        self._both = weigher

    def encode_both(
        self, texts: Sequence[TokenizedText]
    ) -> tuple[SparseBatch, NDArray[np.float32]]:
        """Return one vector per text, and one dense row of length 1; see `DenseNetwork`."""
        import torch

        with torch.inference_mode():
            batch = TextTensors.of(texts, self.pad_id, self._both.device)
            return self._both.weigh_both(self._body, batch)
