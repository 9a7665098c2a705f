"""What does a chat model read when it is asked about a text? Written by its own chat template.

The template that lies with a tokenizer is the model's own: a system turn, the user's turn with the
text in it, and the assistant's turn, which is begun and left open.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lsr.encoders.decoder.weighting import PromptWeighting
from lsr.encoders.torch_model import first_line, quiet_transformers, require_torch
from lsr.errors import ConfigError, UnsupportedModelError

PLACE = "{text}"


def chat_prompt(folder: Path, weighting: PromptWeighting) -> tuple[str, str]:
    """Return what stands before a text and after it, special tokens written out.

    Args:
        folder: of the tokenizer.
        weighting: what the model is asked.

    Raises:
        ConfigError: the request has no place for the text, or more than one.
        UnsupportedModelError: the model has no chat template, or one that cannot be used.
        MissingDependencyError: transformers is not installed.
    """
    if weighting.request.count(PLACE) != 1:
        raise ConfigError(
            f"The request {weighting.request!r} must hold {PLACE} once, where the text goes."
        )
    tokenizer = _load(folder)
    if not getattr(tokenizer, "chat_template", None):
        raise UnsupportedModelError(
            f"The tokenizer in {str(folder)!r} has no chat template, so the model cannot be "
            "prompted; take one that was tuned to follow instructions."
        )
    written = _written(tokenizer, folder, weighting)
    before, place, after = written.partition(PLACE)
    if not place or PLACE in after or not after.endswith(weighting.answer):
        raise UnsupportedModelError(
            f"The chat template in {str(folder)!r} does not leave the text and the begun answer "
            "as they are, so the model cannot be prompted with it."
        )
    return before, after


def _written(tokenizer: Any, folder: Path, weighting: PromptWeighting) -> str:
    system = {"role": "system", "content": weighting.system}
    user = {"role": "user", "content": weighting.request}
    # Some models know no system turn, and their templates refuse it.
    joined = {"role": "user", "content": f"{weighting.system}\n{weighting.request}"}
    answer = {"role": "assistant", "content": weighting.answer}
    failure: Exception | None = None
    for turns in ([system, user, answer], [joined, answer]):
        try:
            return str(
                tokenizer.apply_chat_template(turns, tokenize=False, continue_final_message=True)
            )
        except Exception as error:  # templates raise what they like
            failure = error
    assert failure is not None
    raise UnsupportedModelError(
        f"The chat template in {str(folder)!r} cannot be filled in ({first_line(failure)})."
    ) from failure


def _load(folder: Path) -> Any:
    require_torch()
    from transformers import AutoTokenizer

    try:
        with quiet_transformers():
            return AutoTokenizer.from_pretrained(
                str(folder), local_files_only=True, trust_remote_code=False
            )
    except Exception as error:  # transformers raises nearly anything for a bad file
        raise UnsupportedModelError(
            f"The tokenizer in {str(folder)!r} cannot be loaded ({first_line(error)})."
        ) from error
