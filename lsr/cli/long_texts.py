"""What happens to texts that are longer than the encoder reads? They are cut, or refused."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lsr.documents import Document
    from lsr.encoders import Encoder, Passages


class OnLong(StrEnum):
    """What to do about a text of more tokens than the encoder reads."""

    TRUNCATE = "truncate"
    ERROR = "error"
    MAX = "max"
    SUM = "sum"


OnLongOption = Annotated[
    OnLong,
    typer.Option(
        "--on-long",
        help="Of a text longer than --max-length: read the beginning, stop with an error, or read "
        "it passage by passage and take each term's largest weight, or its sum.",
    ),
]
StrideOption = Annotated[
    int | None,
    typer.Option(
        "--stride",
        min=1,
        metavar="TOKENS",
        help="From the start of one passage to the next, with --on-long max or sum; without it "
        "passages do not overlap.",
    ),
]


def parsed_passages(on_long: OnLong, stride: int | None) -> Passages | None:
    """Return how long texts are split; None if they are not."""
    from lsr.encoders import Aggregation, Passages

    if on_long in {OnLong.MAX, OnLong.SUM}:
        return Passages(Aggregation(on_long.value), stride)
    if stride is not None:
        raise typer.BadParameter("--stride goes with --on-long max or --on-long sum.")
    return None


def refuse_long(truncated: Sequence[Document], encoder: Encoder) -> None:
    """Raise for the first of the documents whose texts were cut.

    Raises:
        InvalidInputError: there is one.
    """
    from lsr.encoders.text_template import encoded_text
    from lsr.errors import InvalidInputError

    for document in truncated:
        n_tokens = encoder.count_tokens(encoded_text(document, encoder.settings))
        raise InvalidInputError(
            f"{document.place}: document {document.doc_id!r} has {n_tokens:,} tokens, and the "
            f"encoder reads {encoder.settings['max_length']:,}; split it, raise --max-length, or "
            "cut long texts with --on-long truncate."
        )
