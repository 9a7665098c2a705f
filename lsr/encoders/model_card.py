"""What may a model be used for? Its model card says, in the lines between its first two ``---``.

Those lines are YAML, of which only what stands at the top level is needed: ``key: value``, and
lists of plain values. Cards can hold thousands of lines of results below, so nothing else is
parsed, and a card that is written otherwise says nothing here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from lsr.encoders.locating import HUB_ID

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

    @property
    def summary(self) -> str:
        """What it says, for a line of text."""
        notes = [self.license or "not stated"]
        notes += ["no commercial use"] * self.forbids_commercial_use
        notes += ["gated"] * self.is_gated
        notes += [f"made from {', '.join(self.base_models)}"] * bool(self.base_models)
        return ", ".join(notes)

    @classmethod
    def of_dict(cls, values: dict[str, Any]) -> ModelCard:
        """Return the card of which `as_dict` returned these values."""
        return msgspec.convert(values, cls)

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


def derived_card(title: str, sources: Sequence[str], cards: Sequence[ModelCard]) -> str:
    """Return the model card of a model made from others, with their licences.

    Args:
        title: of the card.
        sources: what names the models: hub ids, folders, short names.
        cards: theirs.
    """
    licenses = list(dict.fromkeys(card.license for card in cards if card.license))
    hub_ids = [source for source in sources if HUB_ID.fullmatch(source)]
    bases = dict.fromkeys([*hub_ids, *(base for card in cards for base in card.base_models)])
    front = {
        "library_name": "sentence-transformers",
        "pipeline_tag": "feature-extraction",
        "tags": ["sentence-transformers", "sparse-encoder", "sparse"],
        "base_model": list(bases),
        "license": licenses[0] if len(licenses) == 1 else licenses,
    }
    names = " and ".join(
        Path(source).name if source not in hub_ids else source for source in sources
    )
    notes = [f"A learned sparse retrieval model, saved by lsr from {names}."]
    if licenses:
        notes.append(f"Licence of what it was made from: {', '.join(licenses)}.")
    if any(card.is_gated for card in cards):
        notes.append("It was made from a model that is given only to users who accept its terms.")
    # JSON is YAML too.
    lines = [f"{key}: {json.dumps(value)}" for key, value in front.items() if value]
    return "\n".join(["---", *lines, "---", f"# {title}", "", *notes, ""])


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
