"""What is an index made with? Settings fixed when it is made, which later documents must share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsr.encoders import Backend, Encoder, reload_encoder
from lsr.errors import (
    ConfigError,
    IndexExistsError,
    InvalidInputError,
    ModelNotFoundError,
    VocabularyMismatchError,
)
from lsr.index import (
    Checkpoint,
    FieldKind,
    IndexWriter,
    Manifest,
    MemoryBudget,
    Vocabulary,
    VocabularyKind,
    WeightType,
    checked_fields,
    is_index,
    is_vacant,
    read_vocabulary,
)
from lsr.pruning import PruneRule
from lsr.retrieval.dense_encoding import dense_size_of


@dataclass(slots=True)
class Blueprint:
    """What an index is made with; see `lsr.Index.create` for the settings."""

    encoder: Encoder | None
    encoder_settings: dict[str, Any] | None
    terms: Sequence[str] | None
    max_weight: float | None
    properties: dict[str, str]
    replace: bool = False
    weights: WeightType = WeightType.UINT8
    prune: str | None = None
    fields: Mapping[str, FieldKind] | None = None
    backend: Backend = Backend.AUTO
    dense_size: int = 0

    @classmethod
    def of_new_index(
        cls,
        path: Path,
        *,
        encoder: Encoder | None,
        encoder_settings: dict[str, Any] | None,
        terms: Sequence[str] | None,
        max_weight: float | None,
        weights: str,
        prune: str | None,
        fields: Mapping[str, str] | None,
        properties: dict[str, str] | None,
        replace: bool,
    ) -> Blueprint:
        """Check the settings of an index to be made, and that `path` has room for it.

        Raises:
            IndexExistsError: there is an index at `path` and `replace` is false.
            InvalidInputError: `path` or a setting is not usable.
            ConfigError: `weights` is unknown, or has no use for `max_weight`.
        """
        if is_index(path):
            if not replace:
                raise _exists(path)
        elif not is_vacant(path):
            raise InvalidInputError(
                f"{path} holds something that is not an index; choose a new folder."
            )
        if max_weight is not None and not 0 < max_weight < float("inf"):
            raise InvalidInputError(f"max_weight is {max_weight}, but must be above zero.")
        if weights not in list(WeightType):
            raise ConfigError(f"weights is {weights!r}; choose one of {', '.join(WeightType)}.")
        if max_weight is not None and weights == WeightType.FLOAT32:
            raise ConfigError("float32 weights have no limit; leave max_weight out.")
        if encoder:
            max_weight = max_weight or encoder.weight_ceiling
            encoder_settings, terms = encoder.settings, encoder.tokens
        return cls(
            encoder,
            encoder_settings,
            terms,
            max_weight,
            properties or {},
            replace,
            WeightType(weights),
            str(PruneRule.parse(prune)) if prune else None,
            checked_fields(fields or {}),
            dense_size=dense_size_of(encoder) if encoder else 0,
        )

    @classmethod
    def of_commit(cls, manifest: Manifest, encoder: Encoder | None, backend: Backend) -> Blueprint:
        """Return what a commit was made with, to be used with `encoder` where one is given.

        Else `backend` computes the encoder that the commit remembers.

        Raises:
            VocabularyMismatchError: `encoder` has another vocabulary than the index.
        """
        if encoder:
            refuse_other_vocabulary(encoder, manifest)
        return cls(
            encoder,
            manifest.encoder,
            None,
            manifest.max_weight,
            manifest.properties,
            backend=Backend.parse(backend),
        )

    def load_encoder(self, path: Path) -> Encoder:
        """Load the encoder that the index at `path` remembers.

        Raises:
            ConfigError: it was built from vectors and knows no encoder.
            ModelNotFoundError: the model is gone.
        """
        settings = self.encoder_settings
        if settings is None:
            raise ConfigError(
                f"{path} was built from vectors and knows no model; "
                "give queries as {term: weight} vectors, or search with the model that made "
                "them (--model)."
            )
        try:
            return reload_encoder(settings, self.backend)
        except ModelNotFoundError as error:
            raise ModelNotFoundError(
                f"{path} was made with a model that is not there any more: {error} "
                "Put it back, or name a copy with --model."
            ) from error

    def refuse_other_encoder(self, path: Path, settings: Mapping[str, Any]) -> None:
        """Refuse other settings than those the index at `path` was made with.

        Raises:
            ConfigError: they differ.
        """
        remembered = self.encoder_settings or {}
        for name, value in settings.items():
            if value is not None and value != remembered.get(name):
                raise ConfigError(
                    f"{path} was made with {name} {remembered.get(name)}, not {value}; leave the "
                    "option out, or remake the index with lsr index --force."
                )

    def index_writer(
        self,
        path: Path,
        manifest: Manifest | None,
        *,
        is_new: bool,
        memory: MemoryBudget | None,
        unfinished: Checkpoint | None,
    ) -> IndexWriter:
        """Return a writer that goes on from the last commit or checkpoint, or starts from this.

        Args:
            path: the index's folder.
            manifest: the last commit at `path`, if there is one.
            is_new: whether the index is made now, in place of any that is there.
            memory: bounds what the writer holds.
            unfinished: the interrupted build to go on with.

        Raises:
            IndexExistsError: the index is new, but is not to replace the one at `path`.
            ConfigError: documents of this encoder would not compare with those of the commit.
        """
        replaces = is_new and manifest is not None
        if replaces and not self.replace:
            raise _exists(path)
        start = None if replaces else manifest
        start = unfinished.draft if unfinished else start
        if start:
            _refuse_other_encoder(self.encoder, start)
            vocabulary = read_vocabulary(path, start)
        elif self.terms is not None:
            vocabulary = Vocabulary(VocabularyKind.MODEL, self.terms)
        else:
            vocabulary = Vocabulary.empty()
        return IndexWriter(
            path,
            manifest,
            vocabulary,
            max_weight=start.max_weight if start else self.max_weight,
            encoder=start.encoder if start else self.encoder_settings,
            properties=start.properties if start else self.properties,
            fields=start.fields if start else self.fields,
            replace=replaces,
            weights=start.weights if start else self.weights,
            prune=start.prune if start else self.prune,
            dense_size=start.dense_size if start else self.dense_size,
            memory=memory,
            resume=unfinished,
            discard=self.replace and is_new,
        )


def refuse_other_vocabulary(encoder: Encoder, manifest: Manifest) -> None:
    """Refuse an encoder whose terms are not those of a commit made with an encoder.

    Raises:
        VocabularyMismatchError: the vocabularies differ.
    """
    expected, found = manifest.vocabulary.fingerprint, encoder.fingerprint
    if manifest.vocabulary.kind is VocabularyKind.MODEL and expected != found:
        raise VocabularyMismatchError(
            f"The model {encoder.model} has another vocabulary ({found[:12]}, "
            f"{len(encoder.tokens):,} terms) than the index ({expected[:12]}, "
            f"{manifest.vocabulary.n_terms:,} terms); use the model that the index was built with."
        )


def _refuse_other_encoder(encoder: Encoder | None, manifest: Manifest) -> None:
    """Models often share a vocabulary, so equal terms do not make vectors comparable.

    Precisions do: they move a weight by less than a step of its 8 bits in the index.
    """
    if encoder and _what_weighs(encoder.settings) != _what_weighs(manifest.encoder):
        raise ConfigError(
            f"The index was made with the encoder {manifest.encoder}, and documents encoded with "
            f"{encoder.settings} would not compare; open it without an encoder to add documents."
        )


def _what_weighs(settings: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the settings of an encoder that make its vectors others."""
    aside = {"precision", "card", "query_card"}
    return settings and {key: value for key, value in settings.items() if key not in aside}


def _exists(path: Path) -> IndexExistsError:
    return IndexExistsError(
        f"{path} is an index already; choose another folder, or replace it (replace=True, --force)."
    )
