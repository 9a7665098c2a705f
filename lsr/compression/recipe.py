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
    """How the weights to remove are chosen.

    `GRADUAL` is by size too, but a few at a time while the others learn to do without them; the
    other methods choose once.
    """

    MAGNITUDE = "magnitude"
    RANDOM = "random"
    WANDA = "wanda"
    SPARSE_GPT = "sparsegpt"
    GRADUAL = "gradual"

    @property
    def ranks_once(self) -> bool:
        """Whether weights are removed at once by what they are worth."""
        return self not in (Method.RANDOM, Method.GRADUAL)


class Allocation(StrEnum):
    """How what is removed is shared out among the matrices; see `lsr.compression.allocation`."""

    UNIFORM = "uniform"
    ERK = "erk"
    OWL = "owl"
    KNAPSACK = "knapsack"


class Removed(StrEnum):
    """What becomes of weights that gradual pruning removes, while it removes more.

    Attributes:
        GONE: they stay zero.
        SR_STE: they are learned further and may come back; their gradients draw them to zero.
        DECAYING_MASK: they may come back, all at once are removed, and fade.
        AST: they may come back; a decay after the optimizer's step draws them to zero.
    """

    GONE = "gone"
    SR_STE = "sr-ste"
    DECAYING_MASK = "decaying-mask"
    AST = "ast"


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


class Structure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which parts go whole, before anything else is removed; see `lsr.compression.structure`.

    Attributes:
        layers: how many layers of the transformer go.
        heads: how many attention heads of each layer that stays.
        neurons: share of the feed-forward neurons of each layer that stays; those that are left are
            a multiple of four.
        at_random: whether as much goes by chance instead, which is for comparison.
    """

    layers: Annotated[int, msgspec.Meta(ge=0)] = 0
    heads: Annotated[int, msgspec.Meta(ge=0)] = 0
    neurons: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.0
    at_random: bool = False


class Layers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is removed of the transformer's layers.

    Attributes:
        method: how it is chosen.
        pattern: as `Pattern.parse` reads it.
        sparsity: share of the layers; None where the pattern says it.
        allocation: how much of it each matrix loses.
        corrects_bias: whether the mean of what is removed moves into the bias, where it is removed
            at once.
        exchanges: whether pairs of weights are exchanged after that, so that the mean of what is
            removed gets smaller; see `lsr.compression.dsnot`.
    """

    method: Method = Method.SPARSE_GPT
    pattern: str = "4x1"
    sparsity: float | None = None
    allocation: Allocation = Allocation.UNIFORM
    corrects_bias: bool = True
    exchanges: bool = False

    @property
    def is_gradual(self) -> bool:
        """Whether training removes the weights."""
        return self.method is Method.GRADUAL

    @property
    def reads_inputs(self) -> bool:
        """Whether it matters what goes into the matrices; finding that out is most of the work."""
        looks = self.corrects_bias or self.exchanges
        looks |= self.method in (Method.WANDA, Method.SPARSE_GPT)
        measures = self.allocation in (Allocation.OWL, Allocation.KNAPSACK)
        return measures or (looks and not self.is_gradual)


class Vocabulary(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is dropped of the vocabulary.

    Attributes:
        share: of the terms, those that documents miss least; 0 for those that none misses.
        documents: that tell, as `lsr.corpus.read_documents` takes them; best what will be indexed.
            Many: terms that are rare in a sample are not rare.
        n_documents: from the beginning; None for all.
        leaves_literal: whether the texts that hold them keep the terms that are dropped.
        at_random: whether as many terms go by chance instead, which is for comparison.
    """

    documents: str
    share: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.0
    leaves_literal: bool = False
    at_random: bool = False
    n_documents: Annotated[int, msgspec.Meta(ge=1)] | None = None


class Training(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the model that is left learns to say what the whole one said. No judgments are needed.

    Attributes:
        documents: that both read, as `lsr.corpus.read_documents` takes them. Sentences and titles
            are taken out of them to stand for queries.
        n_documents: from the beginning; None for all.
        queries: a file of queries, which take turns with those sentences; None for none.
        members: trainings from the same masks, which read in other orders; the mean of their
            weights is taken.
        steps: optimizer steps of each.
        batch: documents of a step, and as many queries.
        learning_rate: at the end of a short warm-up, from which it falls as a cosine.
        max_length: tokens of a text that are read while learning.
        states: how much the error of the layers' states counts, beside that of the weights; 0 for
            not at all.
        prune_until: share of the steps after which gradual pruning removes nothing more.
        prune_every: steps after which it removes some more.
        removed: what becomes of the weights that it removes, until `prune_until`.
        checkpoint_every: steps of work that an interruption may cost.
    """

    documents: str
    n_documents: Annotated[int, msgspec.Meta(ge=1)] | None = None
    queries: str | None = None
    members: Annotated[int, msgspec.Meta(ge=1)] = 1
    steps: Annotated[int, msgspec.Meta(ge=1)] = 2000
    batch: Annotated[int, msgspec.Meta(ge=1)] = 32
    learning_rate: Annotated[float, msgspec.Meta(gt=0)] = 1e-3
    max_length: Annotated[int, msgspec.Meta(ge=1)] = 64
    states: Annotated[float, msgspec.Meta(ge=0)] = 0.3
    prune_until: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.6
    prune_every: Annotated[int, msgspec.Meta(ge=1)] = 20
    removed: Removed = Removed.GONE
    checkpoint_every: Annotated[int, msgspec.Meta(ge=1)] = 200


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a model is compressed.

    Attributes:
        model: as `load_encoder` takes it.
        seed: of what is random.
        calibration: what the layers are pruned by, and biases set by.
        structure: None to leave all parts where they are.
        layers: None to leave them as they are.
        vocabulary: None to leave it as it is.
        training: None to leave what remains as it was.
        recentring: needs calibration.
    """

    model: str
    seed: int = 0
    calibration: Calibration | None = None
    structure: Structure | None = None
    layers: Layers | None = None
    vocabulary: Vocabulary | None = None
    training: Training | None = None
    recentring: Recentring = Recentring.NONE

    @property
    def digest(self) -> str:
        """What tells one recipe from another."""
        return xxhash.xxh3_128_hexdigest(msgspec.json.encode(self))

    @property
    def is_random(self) -> bool:
        """Whether another seed makes another model."""
        layers, structure, vocabulary = self.layers, self.structure, self.vocabulary
        by_chance = layers is not None and layers.method is Method.RANDOM
        by_chance |= structure is not None and structure.at_random
        by_chance |= vocabulary is not None and vocabulary.at_random
        return by_chance or self.training is not None

    def refuse_contradictions(self) -> None:
        """Refuse a recipe that cannot be followed.

        Raises:
            ConfigError: as above.
        """
        structure = self.structure
        if structure is not None and not (structure.layers or structure.heads or structure.neurons):
            raise ConfigError(
                "The recipe's [structure] removes nothing; name layers, heads or neurons."
            )
        if structure is None and self.layers is None and self.vocabulary is None:
            raise ConfigError(
                "The recipe removes nothing; add [structure], [layers] or [vocabulary]."
            )
        if structure is not None and structure.layers and self.training is not None:
            raise ConfigError(
                "The recipe removes whole layers and trains what is left, but training compares "
                "states layer by layer; take structure.layers or [training] out."
            )
        layers, trains = self.layers, self.training is not None
        if layers is not None:
            pattern = Pattern.parse(layers.pattern)
            sparsity = pattern.sparsity(layers.sparsity)
            if layers.allocation is not Allocation.UNIFORM and pattern.group:
                raise ConfigError(
                    f"The pattern {pattern} removes as much of every matrix, so that it has the "
                    f"allocation uniform, not {layers.allocation}."
                )
            if layers.is_gradual and not trains:
                raise ConfigError("Gradual pruning is part of a training; add [training].")
            is_known_to_fail = sparsity > WITHOUT_TRAINING and layers.method is not Method.RANDOM
            if is_known_to_fail and not trains:
                raise ConfigError(
                    f"The recipe removes {sparsity:.0%} of the layers without training, after "
                    f"which a random choice is as good; remove at most {WITHOUT_TRAINING:.0%}, or "
                    "add [training]."
                )
        if layers is not None and layers.exchanges and not layers.method.ranks_once:
            raise ConfigError(
                f"The recipe exchanges what the method {layers.method} removed, which only "
                "magnitude, wanda and sparsegpt leave; take exchanges out."
            )
        is_gradual = layers is not None and layers.is_gradual
        if self.training and self.training.removed is not Removed.GONE and not is_gradual:
            raise ConfigError(
                f"The recipe lets weights come back by {self.training.removed}, which only gradual "
                'pruning does; set layers.method = "gradual", or take training.removed out.'
            )
        if is_gradual and self.training and self.training.members > 1:
            raise ConfigError(
                f"The recipe takes the mean of {self.training.members} trainings, but each would "
                "choose masks of its own; let another method than gradual choose them."
            )
        reads_inputs = layers is not None and layers.reads_inputs
        reads_inputs |= structure is not None or self.recentring is not Recentring.NONE
        if self.calibration is None and reads_inputs:
            raise ConfigError(
                "The recipe needs [calibration] with documents, to prune layers and set biases by."
            )


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
