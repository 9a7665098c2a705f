"""How does torch compute a masked-language model? As transformers has it, with our own head.

This is the reference for every other backend, and runs each architecture that transformers knows.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.method import Pooling, VocabularyWeighting
from lsr.encoders.precision import Precision
from lsr.encoders.tokenization import TokenizedText
from lsr.encoders.vocabulary_head import VocabularyHead, split_head
from lsr.errors import MissingDependencyError, UnsupportedModelError
from lsr.sparse import SparseBatch

PROBE_TEXTS = ("What is learned sparse retrieval?", "a word")

# torch's thread count belongs to the process: two encodings that both save and restore it would
# leave it at 1 if they overlapped, so they take turns.
_thread_count_lock = threading.Lock()


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
        self.longest_input = _longest_input(body)
        self.work_per_token = 2 * (head.n_parameters + _n_multiplied(body))
        self.has_own_device = head.device.type != "cpu"
        self._body = body
        self._head = head
        self._weighting = weighting
        self._pad_id = _pad_id(body)

    def encode(self, texts: Sequence[TokenizedText]) -> SparseBatch:
        """Return one vector per text."""
        import torch

        shape = (len(texts), max(text.ids.size for text in texts))
        ids = np.full(shape, self._pad_id, dtype=np.int64)
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
                return _positive_rows(summed.cpu().numpy())
            largest = self._head.largest_logits(hidden, pooled_mask)
        # The logarithm rises, so it may be taken of the largest logit alone.
        return _positive_rows(largest.cpu().numpy(), self._weighting.saturation)

    def single_threaded(self) -> AbstractContextManager[None]:
        """Keep torch from splitting its operations while the block runs."""
        return single_torch_thread()


@contextmanager
def single_torch_thread() -> Iterator[None]:
    """Keep torch from splitting its operations while the block runs.

    An encoding that finds another one at it goes on as it is: waiting for it to end could be
    waiting for the caller's own.
    """
    import torch

    if not _thread_count_lock.acquire(blocking=False):
        yield
        return
    try:
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)
    finally:
        _thread_count_lock.release()


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
    with quiet_transformers():
        body = _load_model(folder, config)
    resolved = precision.resolved()
    head = split_head(body, resolved.torch_dtype(), _probe(tokenizer, _pad_id(body)))
    return TorchNetwork(body, head, weighting, resolved)


def load_transformers_tokenizer(folder: Path) -> Any:
    """Return the tokenizer of a folder whose files only transformers can read.

    Raises:
        MissingDependencyError: transformers is not installed.
        UnsupportedModelError: it cannot read them either.
    """
    require_torch()
    from transformers import AutoTokenizer

    try:
        with quiet_transformers():
            loaded = AutoTokenizer.from_pretrained(
                str(folder), use_fast=True, local_files_only=True, trust_remote_code=False
            )
        return loaded.backend_tokenizer
    except Exception as error:  # transformers raises nearly anything for a bad file
        raise UnsupportedModelError(
            f"The tokenizer in {str(folder)!r} cannot be loaded ({_first_line(error)})."
        ) from error


def require_torch() -> None:
    """Check that torch and transformers are installed.

    Raises:
        MissingDependencyError: one of them is not.
    """
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError:
        raise MissingDependencyError("Encoding text with torch", "encode") from None


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep progress bars and notes off the terminal; what goes wrong is raised, not printed."""
    import huggingface_hub.utils as hub
    from transformers.utils import logging as chatter

    had_level, had_bars = chatter.get_verbosity(), chatter.is_progress_bar_enabled()
    hub_had_bars = not hub.are_progress_bars_disabled()
    chatter.set_verbosity_error()
    chatter.disable_progress_bar()  # switches the hub client's bars off as well
    try:
        yield
    finally:
        chatter.set_verbosity(had_level)
        if had_bars:
            chatter.enable_progress_bar()
        (hub.enable_progress_bars if hub_had_bars else hub.disable_progress_bars)()


def _load_model(folder: Path, config: dict[str, Any]) -> Any:
    """Load the model with its head in float32, or say why not."""
    import torch
    from transformers import CONFIG_MAPPING, AutoModelForMaskedLM

    kind = config.get("model_type")
    if kind not in CONFIG_MAPPING:
        needs = " and needs code from its repository, which is never run" * ("auto_map" in config)
        raise UnsupportedModelError(
            f"The model in {str(folder)!r} is of type {kind!r}, which the installed transformers "
            f"does not know{needs}."
        )
    try:
        network, report = AutoModelForMaskedLM.from_pretrained(
            str(folder),
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except Exception as error:  # transformers raises nearly anything for a bad file
        raise UnsupportedModelError(
            f"The weights in {str(folder)!r} cannot be loaded ({_first_line(error)})."
        ) from error
    absent = sorted(report["missing_keys"])
    if absent:
        raise UnsupportedModelError(
            f"The weights in {str(folder)!r} lack {len(absent)} of the model's tensors, "
            f"{absent[0]!r} first, so its output would be random; save the model with its "
            "masked-language head."
        )
    for name, tensor in network.named_parameters():
        if not tensor.isfinite().all():
            raise UnsupportedModelError(
                f"The weights in {str(folder)!r} hold NaN or infinite values in {name!r}."
            )
    return network.eval()


def _longest_input(body: Any) -> int:
    """Return how many tokens the model can tell apart by position."""
    import torch

    for name, module in body.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, torch.nn.Embedding):
            # RoBERTa and its kin number positions from just after their padding id.
            skipped = 0 if module.padding_idx is None else module.padding_idx + 1
            return int(module.num_embeddings) - skipped
    return int(getattr(body.config, "max_position_embeddings", 512))


def _pad_id(body: Any) -> int:
    return getattr(body.config, "pad_token_id", None) or 0


def _n_multiplied(body: Any) -> int:
    """Return the number of parameters that every token is multiplied with."""
    import torch

    layers = (one for one in body.modules() if not isinstance(one, torch.nn.Embedding))
    return sum(p.numel() for layer in layers for p in layer.parameters(recurse=False))


def _probe(tokenizer: Any, pad_id: int) -> tuple[Any, Any]:
    """Return ids and mask of two short texts, of which one is padded."""
    import torch

    rows = [torch.tensor(tokenizer.encode(text).ids) for text in PROBE_TEXTS]
    pad = torch.nn.utils.rnn.pad_sequence
    ids = pad(rows, batch_first=True, padding_value=pad_id)
    mask = pad([torch.ones_like(row) for row in rows], batch_first=True)
    return ids, mask


def _positive_rows(values: NDArray[np.float32], saturation: int = 0) -> SparseBatch:
    """Return the positive values as a batch, one row each, after some times log(1 + x)."""
    n_rows, n_terms = values.shape
    flat = np.flatnonzero(values > 0)
    indptr = np.searchsorted(flat, np.arange(n_rows + 1, dtype=np.int64) * n_terms)
    terms = (flat % n_terms).astype(np.uint32)
    weights = values.reshape(-1)[flat]
    for _ in range(saturation):
        weights = np.log1p(weights)
    return SparseBatch(indptr.astype(np.int64), terms, weights, n_terms)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")
