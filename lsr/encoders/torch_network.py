"""How does torch compute a model? As transformers has it, with heads of our own.

This is the reference for every other backend, and runs each architecture that transformers knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from lsr.encoders.adapter import merge_adapter
from lsr.encoders.compressed import read_compression
from lsr.encoders.layouts import TowerFiles
from lsr.encoders.linear_head import LinearHead
from lsr.encoders.method import Head, NetworkWeighting, TokenWeighting
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
from lsr.encoders.torch_weighers import LogitWeigher, TextTensors, TokenWeigher, Weigher
from lsr.encoders.vocabulary_head import split_head
from lsr.sparse import SparseBatch

PROBE_TEXTS = ("What is learned sparse retrieval?", "a word")


class TorchNetwork:
    """A transformers model and what weighs its output; made by `load_torch_network`.

    Args:
        body: the model.
        weigher: turns its output into weights.
        precision: of the largest product, resolved.
    """

    def __init__(self, body: Any, weigher: Weigher, precision: Precision) -> None:
        self.precision = precision
        self.n_terms = weigher.n_terms
        self.longest_input = longest_input(body)
        self.work_per_token = 2 * (weigher.n_parameters + n_multiplied(body))
        self.has_own_device = weigher.device.type != "cpu"
        self._body = body
        self._weigher = weigher
        self.pad_id = pad_id(body)

    def encode(self, texts: Sequence[TokenizedText]) -> SparseBatch:
        """Return one vector per text."""
        import torch

        with torch.inference_mode():
            batch = TextTensors.of(texts, self.pad_id, self._weigher.device)
            return self._weigher.weigh(self._body, batch)

    def single_threaded(self) -> AbstractContextManager[None]:
        """Keep torch from splitting its operations while the block runs."""
        return single_torch_thread()


def load_torch_network(
    files: TowerFiles, weighting: NetworkWeighting, tokenizer: Any, precision: Precision
) -> TorchNetwork:
    """Load the model of a checked checkpoint.

    Args:
        files: of the model.
        weighting: how its output becomes weights.
        tokenizer: gives the texts on which the model is tried out.
        precision: of the head over the vocabulary, where there is one.

    Raises:
        MissingDependencyError: torch or transformers is not installed.
        UnsupportedModelError: transformers does not know the model, or its weights are not whole.
    """
    require_torch()
    import torch

    places = {name: files.head(name) for name in weighting.heads}
    kind = ModelHead.NONE if isinstance(weighting, TokenWeighting) else ModelHead.MASKED
    with quiet_transformers():
        body = load_model(
            files.folder, files.config, kind, torch.float32, tensor_prefix=files.tensor_prefix
        )
        if files.adapter is not None:
            body = merge_adapter(body, files.adapter)
    size = body.config.hidden_size
    heads = {name: _linear(place, size) for name, place in places.items()}
    if isinstance(weighting, TokenWeighting):
        of_tokens = TokenWeigher(heads[Head.TOKEN], weighting, body.config.vocab_size)
        return TorchNetwork(body, of_tokens, Precision.FLOAT32)
    resolved = precision.resolved()
    vocabulary = split_head(body, resolved.torch_dtype(), probe(tokenizer, pad_id(body)))
    literal = read_compression(files.folder).literal_terms
    return TorchNetwork(body, LogitWeigher(vocabulary, weighting, heads, literal), resolved)


def _linear(head: LinearHead, hidden_size: int) -> Any:
    import torch

    weight, bias = (torch.tensor(array) for array in head.read(hidden_size))
    layer = torch.nn.Linear(hidden_size, 1)
    layer.load_state_dict({"weight": weight, "bias": bias})
    return layer


def probe(tokenizer: Any, pad_id: int) -> tuple[Any, Any]:
    """Return ids and mask of two short texts, of which one is padded."""
    import torch

    rows = [torch.tensor(tokenizer.encode(text).ids) for text in PROBE_TEXTS]
    pad = torch.nn.utils.rnn.pad_sequence
    ids = pad(rows, batch_first=True, padding_value=pad_id)
    mask = pad([torch.ones_like(row) for row in rows], batch_first=True)
    return ids, mask
