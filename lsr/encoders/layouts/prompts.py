"""Which text does a sentence-transformers model put before queries and before documents?

Its prompts have names, and the caller may choose one. `lsr` puts the prompt named ``query`` before
queries and ``document`` before documents, as that library does where the caller chooses none. Where
its versions would differ, the model is refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from lsr.encoders.json_file import read_json
from lsr.errors import UnsupportedModelError

FILE = "config_sentence_transformers.json"
OTHER_NAMES = ("passage", "corpus")
"""Names for the prompt of documents that some versions take and others pass over."""


class Prompts(NamedTuple):
    """The text before every query, and before every document."""

    query: str = ""
    document: str = ""


def read_prompts(folder: Path) -> Prompts:
    """Return the prompts that apply where none is chosen.

    Args:
        folder: of the model.

    Raises:
        UnsupportedModelError: what applies depends on the version that reads them.
    """
    file = folder / FILE
    if not file.is_file():
        return Prompts()
    config = read_json(file, dict)
    prompts, default = config.get("prompts") or {}, config.get("default_prompt_name")
    if not isinstance(prompts, dict):
        raise UnsupportedModelError(f"{file} must hold the object 'prompts'.")
    texts = {name: text for name, text in prompts.items() if isinstance(text, str)}
    for name in OTHER_NAMES:
        if texts.get(name) and "document" not in texts:
            raise UnsupportedModelError(
                f"{file} has a prompt {name!r} ({texts[name]!r}) but none named 'document', so it "
                "is unclear what stands before documents; add 'document' to its prompts."
            )
    for side in Prompts._fields:
        if texts.get(str(default)) and side not in texts:
            raise UnsupportedModelError(
                f"{file} makes {default!r} ({texts[default]!r}) the prompt of all texts but has "
                f"none named {side!r}, so it is unclear what stands before each {side}; add "
                f"{side!r} to its prompts."
            )
    return Prompts(**{side: texts.get(side, "") for side in Prompts._fields})
