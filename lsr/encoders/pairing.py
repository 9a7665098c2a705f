"""Which checkpoint encodes documents, and which queries? Found from what the user named."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsr.encoders.layouts import Checkpoint, check_checkpoint
from lsr.encoders.locating import locate_model
from lsr.encoders.model_card import ModelCard, read_model_card
from lsr.encoders.named_methods import with_method
from lsr.encoders.published import Encodes, completed, method_of, refuse_other_half
from lsr.errors import ConfigError, ModelNotFoundError, UnsupportedModelError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NamedModel:
    """What a user's words stand for.

    Attributes:
        checkpoint: the towers.
        settings: JSON values that name it again from anywhere.
        cards: the model cards of its folders, where they have one.
    """

    checkpoint: Checkpoint
    settings: dict[str, Any]
    cards: tuple[ModelCard, ...]


def find_model(
    model: str,
    query_model: str | None = None,
    query_weights: str | Path | None = None,
    method: str | None = None,
    *,
    needs_method: bool = True,
) -> NamedModel:
    """Find the towers of a model; see `load_encoder`.

    `needs_method`: whether a model is refused whose files do not say how it weighs terms.

    Raises:
        ModelNotFoundError: there is no such model or table.
        UnsupportedModelError: there is none that can be run safely, or half of one, or one that the
            method does not fit.
        ConfigError: queries are to be encoded in two ways, or there is no such method.
    """
    if query_model is not None and query_weights is not None:
        raise ConfigError(
            f"Queries are encoded by the model {query_model!r} or by the table "
            f"{str(query_weights)!r}, not by both; leave one out."
        )
    method = method or method_of(model)
    is_shared = query_model is None and query_weights is None
    folder = locate_model(model)
    checkpoint = completed(check_checkpoint(folder), model, folder)
    settings: dict[str, Any] = {"model": _location(model)}
    if method is not None and query_model is None:
        checkpoint = with_method(checkpoint, method)
    refuse_other_half(checkpoint, model, None if is_shared else Encodes.DOCUMENTS)
    cards = [read_model_card(folder)]
    if query_model is not None:
        query_folder = locate_model(query_model)
        other = completed(check_checkpoint(query_folder), query_model, query_folder)
        refuse_other_half(other, query_model, Encodes.QUERIES)
        checkpoint = Checkpoint(checkpoint.documents, other.queries)
        if method is not None:
            checkpoint = with_method(checkpoint, method)
        settings["query_model"] = _location(query_model)
        cards.append(read_model_card(query_folder))
    if needs_method:
        _refuse_without_method(checkpoint)
    if query_weights is not None:
        table = Path(query_weights).expanduser()
        if not table.is_file():
            raise ModelNotFoundError(f"The table of query weights {str(table)!r} does not exist.")
        checkpoint = checkpoint.with_query_table(table)
        settings["query_weights"] = str(table.resolve())
    if method is not None:
        settings["method"] = method
    for name, key, card in zip((model, query_model), ("card", "query_card"), cards, strict=False):
        if card is not None and (values := card.as_dict()):
            settings[key] = values
            if card.forbids_commercial_use:
                logger.info("%s has the licence %s: no commercial use.", name, card.license)
    return NamedModel(checkpoint, settings, tuple(card for card in cards if card is not None))


def _refuse_without_method(checkpoint: Checkpoint) -> None:
    for tower in (checkpoint.documents, checkpoint.queries):
        if not tower.has_method:
            raise UnsupportedModelError(
                f"The model in {str(tower.folder)!r} is a causal language model, whose files do "
                "not say how it weighs terms; name a method, such as echo-splade or promptreps "
                "(--method)."
            )


def _location(model: str) -> str:
    """Return what loads the model again from anywhere."""
    path = Path(model).expanduser()
    return str(path.resolve()) if path.exists() else model
