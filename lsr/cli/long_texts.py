"""What happens to texts that are longer than the encoder reads? They are cut, or refused."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lsr.documents import Document
    from lsr.encoders import Encoder


class OnLong(StrEnum):
    """What to do about a text of more tokens than the encoder reads."""

    TRUNCATE = "truncate"
    ERROR = "error"


OnLongOption = Annotated[
    OnLong,
    typer.Option(
        "--on-long", help="Read the beginning of a text that is longer than --max-length, or stop."
    ),
]


def refuse_long(truncated: Sequence[Document], encoder: Encoder) -> None:
    """Raise for the first of the documents whose texts were cut.

    Raises:
        InvalidInputError: there is one.
    """
    from lsr.errors import InvalidInputError

    for document in truncated:
        n_tokens = encoder.count_tokens(document.full_text)
        raise InvalidInputError(
            f"{document.place}: document {document.doc_id!r} has {n_tokens:,} tokens, and the "
            f"encoder reads {encoder.settings['max_length']:,}; split it, raise --max-length, or "
            "cut long texts with --on-long truncate."
        )
