"""Which options of a sentence-transformers model belong to no module? Prompts, and what is kept.

Its prompts have names, and the caller may choose one. `lsr` puts the prompt named ``query`` before
queries and ``document`` before documents, as that library does where the caller chooses none. Where
its versions would differ, the model is refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from lsr.encoders.json_file import read_json
from lsr.errors import UnsupportedModelError

FILE = "config_sentence_transformers.json"
SIDES = ("query", "document")
OTHER_NAMES = ("passage", "corpus")
"""Names for the prompt of documents that some versions take and others pass over."""


class ModelOptions(NamedTuple):
    """What applies to a whole model.

    Attributes:
        query: text put before every query.
        document: text put before every document.
        prune: rule for the weights that are kept, as in `Side.prune`.
    """

    query: str = ""
    document: str = ""
    prune: str | None = None


def read_model_options(folder: Path) -> ModelOptions:
    """Return the options that apply where the caller chooses nothing.

    Args:
        folder: of the model.

    Raises:
        UnsupportedModelError: what applies depends on the version that reads them, or they ask for
            more than weights and the products of weights.
    """
    file = folder / FILE
    if not file.is_file():
        return ModelOptions()
    config = read_json(file, dict)
    if (similarity := config.get("similarity_fn_name") or "dot") != "dot":
        raise UnsupportedModelError(
            f"{file} compares vectors by {similarity!r}, but this version only adds products of "
            "weights ('dot')."
        )
    n_kept = config.get("max_active_dims")
    if n_kept is not None and (not isinstance(n_kept, int) or n_kept < 1):
        raise UnsupportedModelError(f"{file} sets max_active_dims to {n_kept!r}; write 1 or more.")
    rule = None if n_kept is None else f"top_k:{n_kept}"
    return ModelOptions(**_prompts(file, config), prune=rule)


def _prompts(file: Path, config: dict[str, Any]) -> dict[str, str]:
    """Return the prompt of each side."""
    prompts, default = config.get("prompts") or {}, str(config.get("default_prompt_name"))
    if not isinstance(prompts, dict):
        raise UnsupportedModelError(f"{file} must hold the object 'prompts'.")
    texts = {name: text for name, text in prompts.items() if isinstance(text, str)}
    for name in OTHER_NAMES:
        if texts.get(name) and "document" not in texts:
            raise UnsupportedModelError(
                f"{file} has a prompt {name!r} ({texts[name]!r}) but none named 'document', so it "
                "is unclear what stands before documents; add 'document' to its prompts."
            )
    for side in SIDES:
        if texts.get(default) and side not in texts:
            raise UnsupportedModelError(
                f"{file} makes {default!r} ({texts[default]!r}) the prompt of all texts but has "
                f"none named {side!r}, so it is unclear what stands before each {side}; add "
                f"{side!r} to its prompts."
            )
    return {side: texts.get(side, "") for side in SIDES}
