"""What does a recipe say? Which model, what to remove of it and how, in TOML, strictly read."""

from __future__ import annotations

import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import xxhash

from lsr.compression.patterns import Pattern
from lsr.errors import ConfigError

WITHOUT_TRAINING = 0.7
"""Sparsity of the layers above which masks without training are known to lose to no body at all."""


class Method(StrEnum):
    """How the weights to remove are chosen."""

    MAGNITUDE = "magnitude"
    RANDOM = "random"
    WANDA = "wanda"
    SPARSE_GPT = "sparsegpt"


class Recentring(StrEnum):
    """How the bias of the vocabulary is set so that texts have as many terms as before.

    Attributes:
        NONE: not at all.
        THRESHOLD: all terms by one number.
        TERMS: each term by the change of its mean largest logit, then all by one number.
    """

    NONE = "none"
    THRESHOLD = "threshold"
    TERMS = "terms"


class Calibration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Texts that show what goes into each matrix.

    Attributes:
        documents: as `lsr.corpus.read_documents` takes them; of the kind that will be encoded.
        n_documents: from the beginning.
        queries: a file of queries; None for documents alone.
        n_queries: from the beginning.
    """

    documents: str
    n_documents: Annotated[int, msgspec.Meta(ge=1)] = 256
    queries: str | None = None
    n_queries: Annotated[int, msgspec.Meta(ge=1)] = 256


class Layers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is removed of the transformer's layers.

    Attributes:
        method: how it is chosen.
        pattern: as `Pattern.parse` reads it.
        sparsity: share of each matrix; None where the pattern says it.
        corrects_bias: whether the mean of what is removed moves into the bias.
    """

    method: Method = Method.SPARSE_GPT
    pattern: str = "4x1"
    sparsity: float | None = None
    corrects_bias: bool = True

    @property
    def reads_inputs(self) -> bool:
        """Whether it matters what goes into the matrices; finding that out is most of the work."""
        return self.corrects_bias or self.method in (Method.WANDA, Method.SPARSE_GPT)


class Vocabulary(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is dropped of the vocabulary.

    Attributes:
        share: of the terms, those that the fewest documents have; 0 for those that none has.
        documents: that are counted, as `lsr.corpus.read_documents` takes them; best what will be
            indexed. Many: terms that are rare in a sample are not rare.
        n_documents: from the beginning; None for all.
    """

    documents: str
    share: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.0
    n_documents: Annotated[int, msgspec.Meta(ge=1)] | None = None


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a model is compressed.

    Attributes:
        model: as `load_encoder` takes it.
        seed: of what is random.
        calibration: what the layers are pruned by, and terms counted in.
        layers: None to leave them as they are.
        vocabulary: None to leave it as it is.
        recentring: needs calibration.
    """

    model: str
    seed: int = 0
    calibration: Calibration | None = None
    layers: Layers | None = None
    vocabulary: Vocabulary | None = None
    recentring: Recentring = Recentring.NONE

    @property
    def digest(self) -> str:
        """What tells one recipe from another."""
        return xxhash.xxh3_128_hexdigest(msgspec.json.encode(self))

    def refuse_contradictions(self) -> None:
        """Refuse a recipe that cannot be followed.

        Raises:
            ConfigError: as above.
        """
        if self.layers is None and self.vocabulary is None:
            raise ConfigError("The recipe removes nothing; add [layers] or [vocabulary].")
        if self.layers is not None:
            pattern = Pattern.parse(self.layers.pattern)
            sparsity = pattern.sparsity(self.layers.sparsity)
            if sparsity > WITHOUT_TRAINING and self.layers.method is not Method.RANDOM:
                raise ConfigError(
                    f"The recipe removes {sparsity:.0%} of the layers without training, after "
                    f"which a random choice is as good; remove at most {WITHOUT_TRAINING:.0%}."
                )
        if self.calibration is None and (self.layers or self.recentring is not Recentring.NONE):
            raise ConfigError("The recipe needs [calibration] with documents to prune layers by.")


def read_recipe(path: Path) -> Recipe:
    """Read a recipe from a TOML file.

    Raises:
        ConfigError: it cannot be read, has an unknown key or a value that does not fit, or
            contradicts itself.
    """
    try:
        recipe = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Recipe)
        recipe.refuse_contradictions()
    except OSError as error:
        raise ConfigError(f"The recipe {path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"The recipe {path} is no TOML: {error}.") from error
    except msgspec.ValidationError as error:
        raise ConfigError(f"The recipe {path} does not fit: {error}.") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return recipe
