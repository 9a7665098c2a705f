"""How does transformers load a model, so that nothing about it is random, unsafe or noisy?

Weights come from safetensors alone and must be whole; no code of a model's repository is run.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

from lsr.errors import MissingDependencyError, UnsupportedModelError

# torch's thread count belongs to the process: two encodings that both save and restore it would
# leave it at 1 if they overlapped, so they take turns.
_thread_count_lock = threading.Lock()


class ModelHead(StrEnum):
    """Which of transformers' classes reads a model: with which head over the vocabulary, if any."""

    MASKED = "AutoModelForMaskedLM"
    CAUSAL = "AutoModelForCausalLM"
    NONE = "AutoModel"


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
            f"The tokenizer in {str(folder)!r} cannot be loaded ({first_line(error)})."
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


def load_model(
    folder: Path, config: dict[str, Any], head: ModelHead, dtype: Any, tensor_prefix: str = ""
) -> Any:
    """Load a model with its head.

    Args:
        folder: of the model.
        config: what its config.json says, or should.
        head: the kind of model.
        dtype: torch's name of the number format of its weights.
        tensor_prefix: what the names of its tensors begin with, before transformers' own.

    Raises:
        UnsupportedModelError: transformers does not know the model, or its weights are not whole.
    """
    import transformers
    from transformers import CONFIG_MAPPING

    kind = config.get("model_type")
    if kind not in CONFIG_MAPPING:
        needs = " and needs code from its repository, which is never run" * ("auto_map" in config)
        raise UnsupportedModelError(
            f"The model in {str(folder)!r} is of type {kind!r}, which the installed transformers "
            f"does not know{needs}."
        )
    try:
        network, report = getattr(transformers, head).from_pretrained(
            str(folder),
            config=CONFIG_MAPPING[kind].from_dict(config),
            key_mapping={f"^{re.escape(tensor_prefix)}": ""} if tensor_prefix else None,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            dtype=dtype,
            output_loading_info=True,
        )
    except Exception as error:  # transformers raises nearly anything for a bad file
        raise UnsupportedModelError(
            f"The weights in {str(folder)!r} cannot be loaded ({first_line(error)})."
        ) from error
    # Older checkpoints and such with a head of their own lack the pooler, which nothing here reads.
    absent = sorted(name for name in report["missing_keys"] if not name.startswith("pooler."))
    if absent:
        raise UnsupportedModelError(
            f"The weights in {str(folder)!r} lack {len(absent)} of the model's tensors, "
            f"{absent[0]!r} first, so its output would be random; save the model with all heads."
        )
    for name, tensor in network.named_parameters():
        if not tensor.isfinite().all():
            raise UnsupportedModelError(
                f"The weights in {str(folder)!r} hold NaN or infinite values in {name!r}."
            )
    return network.eval()


def longest_input(body: Any) -> int:
    """Return how many tokens the model can tell apart by position."""
    import torch

    for name, module in body.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, torch.nn.Embedding):
            # RoBERTa and its kin number positions from just after their padding id.
            skipped = 0 if module.padding_idx is None else module.padding_idx + 1
            return int(module.num_embeddings) - skipped
    return int(getattr(body.config, "max_position_embeddings", 512))


def pad_id(body: Any) -> int:
    """Return the id that fills up the shorter texts of a batch; any would do."""
    return getattr(body.config, "pad_token_id", None) or 0


def n_multiplied(body: Any) -> int:
    """Return the number of parameters that every token is multiplied with."""
    import torch

    layers = (one for one in body.modules() if not isinstance(one, torch.nn.Embedding))
    return sum(p.numel() for layer in layers for p in layer.parameters(recurse=False))


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


def first_line(error: Exception) -> str:
    """Return what a library says of an error, short enough to quote."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")
