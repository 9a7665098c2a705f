"""Which index do documents go into? The one that is there, or a new one of the options' making."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lsr.cli.encoder_options import EncoderOptions
    from lsr.retrieval import Index


def opened_or_created(
    corpus: list[str],
    path: Path,
    options: dict[str, Any],
    encoder_options: EncoderOptions,
    backend: str,
    replace: bool,
) -> Index:
    """Return the index at `path`, or a new one where there is none or it is to be replaced.

    Raises:
        ConfigError: an option does not suit the index that is there.
    """
    from lsr.encoders import Backend
    from lsr.errors import ConfigError
    from lsr.index import is_index, parse_declarations
    from lsr.retrieval import Index

    if is_index(path) and not replace:
        opened = Index.open(path, backend=Backend.parse(backend))
        for name, default in (
            *(("max-weight", None), ("weights", "uint8"), ("prune", None)),
            ("field", []),
        ):
            if options[name] != default:
                raise ConfigError(
                    f"--{name} is fixed when an index is made; add --force to remake."
                )
        opened.refuse_other_encoder(encoder_options.settings())
        return opened
    settings: dict[str, Any] = {
        "max_weight": options["max-weight"],
        "weights": options["weights"],
        "prune": options["prune"],
        "fields": parse_declarations(options["field"]),
        "replace": replace,
    }
    if encoder_options.model is None:
        encoder_settings, terms = _embedded_encoder(corpus)
        return Index.create(path, encoder_settings=encoder_settings, terms=terms, **settings)
    return Index.create(path, encoder=encoder_options.load(backend), **settings)


def _embedded_encoder(corpus: list[str]) -> tuple[dict[str, Any] | None, Sequence[str] | None]:
    """Return the settings and the vocabulary of the encoder that `lsr encode` noted in a file."""
    from lsr.corpus import embedded_encoder_settings, read_documents

    for source in corpus:
        settings = embedded_encoder_settings(source)
        if settings:
            return settings, next(read_documents(source)).vocabulary
    return None, None
