"""How do a model's files become a network? Read by their names, packed for the kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.compressed import (
    NOT_COMPRESSED,
    Compression,
    reachable_terms,
    read_compression,
)
from lsr.encoders.layouts import TowerFiles
from lsr.encoders.method import VocabularyWeighting
from lsr.encoders.native.architecture import Architecture, architecture_of
from lsr.encoders.native.expected_inputs import after_dense, after_norm
from lsr.encoders.native.layers import (
    ByLength,
    Dense,
    Float32Blocks,
    Float32Dense,
    Int8Blocks,
    Int8Dense,
    Layer,
    Norm,
)
from lsr.encoders.native.literal_terms import LiteralTerms
from lsr.encoders.native.network import NativeNetwork
from lsr.encoders.native.pack_cache import PackCache, Packed
from lsr.encoders.precision import Precision
from lsr.encoders.safetensors_file import ModelWeights
from lsr.errors import UnsupportedModelError
from lsr.kernels.transformer import (
    EmbeddingTables,
    ExpectedInputs,
    PackedBlockMatrix,
    PackedHead,
    PackedInt8BlockMatrix,
    PackedInt8Matrix,
    PackedMatrix,
    VocabularyFilter,
    pack_blocks,
    pack_filter,
    pack_int8,
    pack_int8_blocks,
    pack_matrix,
)

Array = NDArray[np.float32]

LEAST_CACHED = 16_000_000
"""Weights of a model whose packed form is kept; fewer are packed in some hundredths of a second."""


def load_native_network(
    files: TowerFiles, weighting: VocabularyWeighting, precision: Precision
) -> NativeNetwork:
    """Load the model in a checked folder.

    Args:
        files: of the model, of a supported architecture.
        weighting: of its logits, a supported one.
        precision: FLOAT32, which AUTO stands for, or INT8.

    Raises:
        UnsupportedModelError: its files are damaged, or do not fit the configuration.
    """
    architecture = architecture_of(files.config)
    weights = ModelWeights(files.folder, files.tensor_prefix)
    resolved = Precision.INT8 if precision is Precision.INT8 else Precision.FLOAT32
    removed = read_compression(files.folder)
    if architecture.n_multiplied < LEAST_CACHED:
        return _Model(architecture, weights, resolved, removed, _make).network(weighting)
    content = f"{architecture} {weights.digest()}"
    if removed != NOT_COMPRESSED:
        content += f" {removed}"
    with PackCache(files.folder, resolved, content) as cache:
        return _Model(architecture, weights, resolved, removed, cache.get).network(weighting)


class Get(Protocol):
    """Returns a packed part of a model: kept from earlier, or made now."""

    def __call__(self, name: str, kind: type[Packed], make: Callable[[], Packed]) -> Packed:
        """Return the part `name`, of type `kind`, which `make` makes."""


def _make(name: str, kind: type[Packed], make: Callable[[], Packed]) -> Packed:
    return make()


class _Model:
    """Finds the parts of a model among its tensors, and packs them.

    Args:
        architecture: says how they are called and shaped.
        weights: the tensors.
        precision: of the dense layers.
        removed: what a compressed model does without.
        get: keeps what is packed.
    """

    def __init__(
        self,
        architecture: Architecture,
        weights: ModelWeights,
        precision: Precision,
        removed: Compression,
        get: Get,
    ) -> None:
        self._architecture = architecture
        self._family = architecture.family
        self._weights = weights
        self._precision = precision
        self._removed = removed
        self._get = get

    def network(self, weighting: VocabularyWeighting) -> NativeNetwork:
        """Return the whole network."""
        shape, family = self._architecture, self._family
        norm = self._norm(f"{family.embeddings}.LayerNorm")
        size = shape.hidden_size
        head_norm = self._norm(family.head_norm)
        head, terms = self._head(head_norm)
        literal = self._literal() if self._removed.literal_terms else None
        return NativeNetwork(
            shape,
            embeddings=self._embeddings(norm),
            layers=self._layers(norm),
            # One small matrix, to which all terms are more sensitive than to any other.
            head_dense=self._float32_dense(size, size, [family.head_dense]),
            head_norm=head_norm,
            head=head,
            terms=terms,
            literal=literal,
            precision=self._precision,
            weighting=weighting,
        )

    def _embeddings(self, norm: Norm) -> EmbeddingTables:
        shape, prefix = self._architecture, f"{self._family.embeddings}."
        if shape.n_types:
            name = f"{prefix}token_type_embeddings.weight"
            types = self._weights.read([name], (shape.n_types, shape.hidden_size))
        else:
            types = np.zeros((1, shape.hidden_size), dtype=np.float32)
            types.flags.writeable = False  # like what is read: kernels are compiled for one kind
        return EmbeddingTables(
            words=self._term_rows([f"{prefix}word_embeddings.weight"], [self._decoder]),
            positions=self._weights.read(
                [f"{prefix}position_embeddings.weight"], (shape.n_positions, shape.hidden_size)
            ),
            types=types,
            gamma=norm.gamma,
            beta=norm.beta,
        )

    def _layers(self, before: Norm) -> list[Layer]:
        """Return the layers, of which the first comes after the norm `before`."""
        layers: list[Layer] = []
        for number in range(self._architecture.n_layers):
            layer = self._layer(f"{self._family.layers}.{number}.", before)
            layers.append(layer)
            before = layer.norm
        return layers

    def _layer(self, prefix: str, before: Norm) -> Layer:
        shape, names = self._architecture, self._family.layer
        size, inner = shape.hidden_size, shape.intermediate_size
        projections = [f"{prefix}{name}" for name in (names.query, names.key, names.value)]
        up, attention_norm = f"{prefix}{names.up}", self._norm(f"{prefix}{names.attention_norm}")

        def context() -> ExpectedInputs:
            return after_dense(after_norm(before), *self._read(size, size, projections[-1]))

        def between() -> ExpectedInputs:
            weight, bias = self._read(inner, size, up)
            return after_dense(after_norm(attention_norm), weight, bias, shape.activation)

        return Layer(
            qkv=self._dense(size, size, projections, lambda: after_norm(before)),
            out=self._dense(size, size, [f"{prefix}{names.out}"], context),
            attention_norm=attention_norm,
            up=self._dense(inner, size, [up], lambda: after_norm(attention_norm)),
            down=self._dense(size, inner, [f"{prefix}{names.down}"], between),
            norm=self._norm(f"{prefix}{names.norm}"),
        )

    def _dense(
        self, n_rows: int, n_columns: int, names: list[str], inputs: Callable[[], ExpectedInputs]
    ) -> Dense:
        """Return the dense layers of these names as one, which has the rows of all."""
        if self._precision is Precision.FLOAT32:
            return self._float32_dense(n_rows, n_columns, names)

        def read() -> tuple[Array, Array, ExpectedInputs]:
            return *self._read(n_rows, n_columns, *names), inputs()

        name, pays = names[0], self._removed.pays
        if not pays(names, Precision.INT8):
            return Int8Dense(self._get(name, PackedInt8Matrix, lambda: pack_int8(*read())))
        blocks = Int8Blocks(
            self._get(name, PackedInt8BlockMatrix, lambda: pack_int8_blocks(*read()))
        )
        if pays(names, Precision.INT8, is_short=True):
            return blocks
        whole = self._get(f"{name}.whole", PackedInt8Matrix, lambda: pack_int8(*read()))
        return ByLength(short=Int8Dense(whole), long=blocks)

    def _float32_dense(self, n_rows: int, n_columns: int, names: list[str]) -> Dense:
        def read() -> tuple[Array, Array]:
            return self._read(n_rows, n_columns, *names)

        name = names[0]
        if self._removed.pays(names, Precision.FLOAT32):
            return Float32Blocks(self._get(name, PackedBlockMatrix, lambda: pack_blocks(*read())))
        return Float32Dense(self._get(name, PackedMatrix, lambda: pack_matrix(*read())))

    def _read(self, n_rows: int, n_columns: int, *names: str) -> tuple[Array, Array]:
        """Return the matrices of these names, one below the other, and their biases."""
        tensor = self._weights.read
        weights = [tensor([f"{name}.weight"], (n_rows, n_columns)) for name in names]
        biases = [tensor([f"{name}.bias"], (n_rows,)) for name in names]
        return np.concatenate(weights), np.concatenate(biases)

    def _norm(self, name: str) -> Norm:
        """Return a layer norm; gamma and beta are the names from before PyTorch."""
        size = (self._architecture.hidden_size,)
        return Norm(
            self._weights.read([f"{name}.weight", f"{name}.gamma"], size),
            self._weights.read([f"{name}.bias", f"{name}.beta"], size),
            self._architecture.epsilon,
        )

    def _head(self, norm: Norm) -> tuple[PackedHead, NDArray[np.uint32] | None]:
        """Return the head after `norm`, and which terms it has, None for all."""
        words = f"{self._family.embeddings}.word_embeddings.weight"
        # Not packed, and a view of the file: where tied, the word embeddings are the same memory.
        rows = self._term_rows([self._decoder], [words])
        terms = None
        if self._removed.n_dropped_terms:
            terms = reachable_terms(rows, self._term_bias(), norm.gamma, norm.beta)
        elif self._removed.literal_terms:
            every = np.arange(self._architecture.n_terms, dtype=np.uint32)
            terms = np.setdiff1d(every, np.array(self._removed.literal_terms, dtype=np.uint32))
        if terms is not None:
            rows = rows[terms]

        def pack() -> VocabularyFilter:
            bias = self._term_bias()
            return pack_filter(rows, bias if terms is None else bias[terms])

        return PackedHead(rows, self._get(self._family.decoder, VocabularyFilter, pack)), terms

    def _literal(self) -> LiteralTerms:
        """Return the terms that must occur."""
        words = f"{self._family.embeddings}.word_embeddings.weight"
        terms = np.array(self._removed.literal_terms, dtype=np.uint32)
        if terms.max() >= self._architecture.n_terms:
            raise UnsupportedModelError(
                f"The model has {self._architecture.n_terms} terms, but its compression.json names "
                f"term {terms.max()}."
            )
        return LiteralTerms(self._term_rows([self._decoder], [words]), self._term_bias(), terms)

    def _term_bias(self) -> Array:
        names = self._family.decoder_bias[: None if self._architecture.is_tied else 1]
        return self._weights.read(names, (self._architecture.n_terms,))

    @property
    def _decoder(self) -> str:
        return f"{self._family.decoder}.weight"

    def _term_rows(self, own: list[str], tied: list[str]) -> Array:
        """Return a table with a row per term; of two tied ones, one may be all that is stored."""
        shape = self._architecture
        names = own + tied * shape.is_tied
        return self._weights.read(names, (shape.n_terms, shape.hidden_size))
