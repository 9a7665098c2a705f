"""Which methods have a name, and what does one make of a checkpoint? They stand in methods.toml."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import replace
from enum import StrEnum
from functools import cache
from pathlib import Path

import msgspec

from lsr.encoders.layouts import Checkpoint, TowerFiles
from lsr.encoders.method import CausalWeighting, NetworkWeighting, Side
from lsr.errors import ConfigError, UnsupportedModelError

METHODS_FILE = Path(__file__).with_name("methods.toml")


class Weights(StrEnum):
    """Whether queries and documents are read by one network."""

    SHARED = "shared"
    SEPARATE = "separate"


class Method(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A method of learned sparse retrieval that has a name.

    Attributes:
        source: the paper, or the code, that it is from.
        queries: how they become vectors.
        documents: how they become vectors.
        weights: what it needs; None where either will do, or one side has no network.
        published: a figure of its authors.
    """

    source: str
    queries: Side
    documents: Side
    weights: Weights | None = None
    published: str | None = None


@cache
def named_methods() -> dict[str, Method]:
    """Return the methods by their names."""
    return msgspec.convert(tomllib.loads(METHODS_FILE.read_text()), dict[str, Method])


def method_named(name: str) -> Method:
    """Return a method.

    Raises:
        ConfigError: there is none of this name.
    """
    methods = named_methods()
    if name not in methods:
        near = difflib.get_close_matches(name, methods, n=3) or list(methods)
        raise ConfigError(f"There is no method {name!r}; did you mean {', '.join(near)}?")
    return methods[name]


def with_method(checkpoint: Checkpoint, name: str) -> Checkpoint:
    """Return a checkpoint that is encoded by a named method, whatever its files say.

    What belongs to the networks and not to the method, such as the prefix of texts, stays; where
    they have none, it is the method's.

    Args:
        checkpoint: a model.
        name: of the method.

    Raises:
        ConfigError: there is no method of this name.
        UnsupportedModelError: the checkpoint does not have the networks that it needs.
    """
    method = method_named(name)
    documents = _sided(checkpoint.documents, name, method.documents)
    # Queries that were weighted without a network have one where the documents' is shared.
    has_network = isinstance(checkpoint.queries.side.weighting, NetworkWeighting | CausalWeighting)
    queries = _sided(
        checkpoint.queries if has_network else checkpoint.documents, name, method.queries
    )
    if method.weights is not None:
        found = Weights.SHARED if queries.folder == documents.folder else Weights.SEPARATE
        if found is not method.weights:
            raise UnsupportedModelError(
                f"The method {name} has {method.weights} networks for queries and documents, but "
                f"those of the model in {str(documents.folder)!r} are {found}; name a method that "
                "the model was trained for."
            )
    return Checkpoint(documents=documents, queries=queries)


def _sided(files: TowerFiles, name: str, side: Side) -> TowerFiles:
    """Return the files of a tower with the side of a method, and their own prefix if they have one.

    Raises:
        UnsupportedModelError: the method is one of the other kind of language models.
    """
    if isinstance(side.weighting, NetworkWeighting | CausalWeighting):
        is_causal = isinstance(side.weighting, CausalWeighting)
        if is_causal != isinstance(files.side.weighting, CausalWeighting):
            kinds = ("masked", "causal") if is_causal else ("causal", "masked")
            raise UnsupportedModelError(
                f"The method {name} is one of {kinds[1]} language models, but that in "
                f"{str(files.folder)!r} is {kinds[0]}."
            )
        side = msgspec.structs.replace(side, prefix=files.side.prefix or side.prefix)
    return replace(files, side=side, table=None, has_method=True)
