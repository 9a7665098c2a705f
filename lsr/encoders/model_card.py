"""What may a model be used for? Its model card says, in the lines between its first two ``---``.

Those lines are YAML, of which only what stands at the top level is needed: ``key: value``, and
lists of plain values. Cards can hold thousands of lines of results below, so nothing else is
parsed, and a card that is written otherwise says nothing here.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

CARD = "README.md"
_KEY = re.compile(r"([\w-]+):\s*(.*?)\s*$")
_ITEM = re.compile(r"\s*-\s+(.*?)\s*$")
_COMMENT = re.compile(r"(^|\s)#.*$")
_NON_COMMERCIAL = re.compile(r"\bnc\b|non-?commercial|research-only")


class ModelCard(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a model card says of the use of a model.

    Attributes:
        license: its licence, as the hub names it; None if the card is silent.
        base_models: what it was trained from.
        is_gated: whether the hub gives it only to users who accept its terms.
    """

    license: str | None = None
    base_models: tuple[str, ...] = ()
    is_gated: bool = False

    @property
    def forbids_commercial_use(self) -> bool:
        """Whether the licence is one that says so in its name."""
        return bool(self.license and _NON_COMMERCIAL.search(self.license.lower()))

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values, without what the card is silent about."""
        values: dict[str, Any] = msgspec.to_builtins(self)
        return values


def read_model_card(folder: Path) -> ModelCard | None:
    """Return what the model card in a folder says, or None if there is none."""
    file = folder / CARD
    if not file.is_file():
        return None
    values = _top_level(file.read_text(encoding="utf-8", errors="replace"))
    # A licence that the hub does not know is "other", and has a name of its own.
    names = values.get("license", []) + values.get("license_name", [])
    known = [name for name in names if name.lower() != "other"] or names
    return ModelCard(
        license=", ".join(known) or None,
        base_models=tuple(values.get("base_model", [])),
        is_gated=any(key.startswith("extra_gated") for key in values),
    )


def _top_level(text: str) -> dict[str, list[str]]:
    """Return the plain values of each key at the top level of a card's front matter."""
    lines = text.splitlines()
    values: dict[str, list[str]] = {}
    if not lines or lines[0].rstrip() != "---":
        return values
    key = ""
    for line in lines[1:]:
        if line.rstrip() == "---":
            return values
        if found := _KEY.match(line):
            key = found[1]
            values[key] = _plain(found[2])
        elif key and (found := _ITEM.match(line)):
            values[key] += _plain(found[1])
    return {}  # The lines never ended, so they were no front matter.


def _plain(text: str) -> list[str]:
    """Return the values in what stands after a key: one, or those of a list in brackets."""
    text = _COMMENT.sub("", text).strip()
    parts = text[1:-1].split(",") if text.startswith("[") and text.endswith("]") else [text]
    return [value for part in parts if (value := part.strip().strip("'\""))]
