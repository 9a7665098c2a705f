"""What text of a document is encoded? Its title and body, or its fields as a template joins them.

A template such as ``{title}. Brand: {brand}. {text}`` names fields of documents in braces; what
else stands in it is written as it is. It is a setting of the encoder, stored with the index, since
another template gives other vectors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Any

from lsr.documents import Document
from lsr.errors import ConfigError

SETTING = "template"


@dataclass(frozen=True, slots=True)
class TextTemplate:
    """Joins the fields of a document into one text.

    Args:
        pattern: names fields in braces; ``{{`` and ``}}`` stand for braces themselves.

    Raises:
        ConfigError: it names no field, or is not written as above.

    Example:
        >>> product = Document("1", title="Lamp", text="Oak.", metadata={"brand": "Ulm"})
        >>> TextTemplate("{title} by {brand}. {text}").fill(product)
        'Lamp by Ulm. Oak.'
    """

    pattern: str

    def __post_init__(self) -> None:
        try:
            parts = list(Formatter().parse(self.pattern))
        except ValueError as error:
            raise ConfigError(
                f"The template {self.pattern!r} is not understood ({error})."
            ) from None
        fields = [(name, spec, how) for _, name, spec, how in parts if name is not None]
        if not fields or any(not name or spec or how for name, spec, how in fields):
            raise ConfigError(
                f"The template {self.pattern!r} must name fields of documents in braces, such as "
                "{title} {text}."
            )

    def fill(self, document: Document) -> str:
        """Return the text; a field that the document does not have is empty."""
        values = document.as_dict()
        # Not format(): a dot or a bracket in a name is part of it here.
        return "".join(
            literal + ("" if name is None else _written(values.get(name)))
            for literal, name, _, _ in Formatter().parse(self.pattern)
        ).strip()


def encoded_text(document: Document, settings: Mapping[str, Any]) -> str:
    """Return what an encoder of these settings reads of a document."""
    pattern = settings.get(SETTING)
    return document.full_text if pattern is None else TextTemplate(pattern).fill(document)


def _written(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_written(one) for one in value)
    return "" if value is None else str(value)
