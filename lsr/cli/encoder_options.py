"""How does a user choose an encoder? One set of options, for every verb that encodes documents."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from lsr.encoders import Encoder, Passages

ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="MODEL", help="Hub id, folder, or short name such as splade-tiny."
    ),
]
MaxLengthOption = Annotated[
    int | None,
    typer.Option(
        "--max-length",
        min=8,
        help="Tokens of a text that are read; unset: as the model's files say, else 256.",
    ),
]
PrecisionOption = Annotated[
    str | None,
    typer.Option(
        "--precision",
        metavar="float32|bfloat16|int8",
        help="Number format of the products; int8 is faster and loses next to nothing.",
    ),
]
MethodOption = Annotated[
    str | None,
    typer.Option(
        "--method",
        metavar="NAME",
        help="Encode by this method, such as splade-doc, whatever the model's files say.",
    ),
]
TemplateOption = Annotated[
    str | None,
    typer.Option(
        "--template",
        metavar="TEXT",
        help="How a document's fields make its text: '{title} {brand}. {text}'; "
        "unset: title and text.",
    ),
]
QueryModelOption = Annotated[
    str | None,
    typer.Option(
        "--query-model",
        metavar="MODEL",
        help="What encodes queries, where MODEL encodes documents alone.",
    ),
]
QueryWeightsOption = Annotated[
    str | None,
    typer.Option(
        "--query-weights",
        metavar="TABLE",
        help="Weights of query terms, such as an idf.json: queries then need no network.",
    ),
]
FoldOption = Annotated[
    str | None,
    typer.Option(
        "--fold",
        metavar="FILE",
        help="With --query-weights: fold what a network adds to queries into documents; of lsr "
        "fold.",
    ),
]
BackendOption = Annotated[
    str,
    typer.Option(
        "--backend",
        metavar="auto|native|torch",
        help="What computes the model; auto takes torch only for models that need it.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderOptions:
    """What was said of an encoder; None where nothing was."""

    model: str | None = None
    max_length: int | None = None
    precision: str | None = None
    method: str | None = None
    query_model: str | None = None
    query_weights: str | None = None
    passages: Passages | None = None
    template: str | None = None
    fold: str | None = None

    def settings(self) -> dict[str, Any]:
        """Return what was said as settings of an encoder, with paths that hold everywhere."""
        return {
            "model": _whole_path(self.model),
            "max_length": self.max_length,
            "precision": self.precision,
            "method": self.method,
            "query_model": _whole_path(self.query_model),
            "query_weights": _whole_path(self.query_weights),
            "fold": _whole_path(self.fold),
            "template": self.template,
            "passages": self.passages and self.passages.as_settings(),
        }

    def load(self, backend: str) -> Encoder:
        """Load the encoder; `model` was named.

        Raises:
            LsrError: as `load_encoder`.
        """
        from lsr.encoders import Backend, Precision, load_encoder

        return load_encoder(
            str(self.model),
            max_length=self.max_length,
            precision=Precision.parse(self.precision or Precision.AUTO),
            backend=Backend.parse(backend),
            method=self.method,
            query_model=self.query_model,
            query_weights=self.query_weights,
            passages=self.passages,
            template=self.template,
            fold=self.fold,
        )


def _whole_path(name: str | None) -> str | None:
    """Name a file or folder as it is named from everywhere; leave another name as it is."""
    if name is None or not Path(name).expanduser().exists():
        return name
    return str(Path(name).expanduser().resolve())
