"""How do a model's files become a network? Read by their names, packed for the kernels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.native.architecture import Architecture, architecture_of
from lsr.encoders.native.layers import (
    Dense,
    Float32Dense,
    Int8Dense,
    Layer,
    Norm,
)
from lsr.encoders.native.network import NativeNetwork
from lsr.encoders.native.pack_cache import PackCache, Packed
from lsr.encoders.precision import Precision
from lsr.encoders.safetensors_file import ModelWeights
from lsr.kernels.transformer import (
    EmbeddingTables,
    PackedHead,
    PackedInt8Matrix,
    PackedMatrix,
    VocabularyFilter,
    pack_filter,
    pack_int8,
    pack_matrix,
)

Array = NDArray[np.float32]

LEAST_CACHED = 16_000_000
"""Weights of a model whose packed form is kept; fewer are packed in some hundredths of a second."""


def load_native_network(
    folder: Path, config: dict[str, Any], precision: Precision
) -> NativeNetwork:
    """Load the model in a checked folder.

    Args:
        folder: of the model.
        config: what its config.json says, of a supported architecture.
        precision: FLOAT32, which AUTO stands for, or INT8.

    Raises:
        UnsupportedModelError: its files are damaged, or do not fit the configuration.
    """
    architecture, weights = architecture_of(config), ModelWeights(folder)
    resolved = Precision.INT8 if precision is Precision.INT8 else Precision.FLOAT32
    if architecture.n_multiplied < LEAST_CACHED:
        return _Model(architecture, weights, resolved, _make).network()
    with PackCache(folder, resolved, f"{architecture} {weights.digest()}") as cache:
        return _Model(architecture, weights, resolved, cache.get).network()


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
        get: keeps what is packed.
    """

    def __init__(
        self, architecture: Architecture, weights: ModelWeights, precision: Precision, get: Get
    ) -> None:
        self._architecture = architecture
        self._family = architecture.family
        self._weights = weights
        self._precision = precision
        self._get = get

    def network(self) -> NativeNetwork:
        """Return the whole network."""
        shape, family = self._architecture, self._family
        return NativeNetwork(
            shape,
            embeddings=self._embeddings(),
            layers=[self._layer(f"{family.layers}.{n}.") for n in range(shape.n_layers)],
            # One small matrix, to which all terms are far more sensitive than to any other.
            head_dense=self._dense(
                shape.hidden_size, shape.hidden_size, family.head_dense, precision=Precision.FLOAT32
            ),
            head_norm=self._norm(family.head_norm),
            head=self._head(),
            precision=self._precision,
        )

    def _embeddings(self) -> EmbeddingTables:
        shape, prefix = self._architecture, f"{self._family.embeddings}."
        norm = self._norm(f"{prefix}LayerNorm")
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

    def _layer(self, prefix: str) -> Layer:
        shape, names = self._architecture, self._family.layer
        size, inner = shape.hidden_size, shape.intermediate_size
        projections = [f"{prefix}{name}" for name in (names.query, names.key, names.value)]
        return Layer(
            qkv=self._dense(size, size, *projections),
            out=self._dense(size, size, f"{prefix}{names.out}"),
            attention_norm=self._norm(f"{prefix}{names.attention_norm}"),
            up=self._dense(inner, size, f"{prefix}{names.up}"),
            down=self._dense(size, inner, f"{prefix}{names.down}"),
            norm=self._norm(f"{prefix}{names.norm}"),
        )

    def _dense(
        self, n_rows: int, n_columns: int, *names: str, precision: Precision | None = None
    ) -> Dense:
        """Return the dense layers of these names as one, which has the rows of all."""

        def read() -> tuple[Array, Array]:
            tensor = self._weights.read
            weights = [tensor([f"{name}.weight"], (n_rows, n_columns)) for name in names]
            biases = [tensor([f"{name}.bias"], (n_rows,)) for name in names]
            return np.concatenate(weights), np.concatenate(biases)

        if (precision or self._precision) is Precision.INT8:
            return Int8Dense(self._get(names[0], PackedInt8Matrix, lambda: pack_int8(*read())))
        return Float32Dense(self._get(names[0], PackedMatrix, lambda: pack_matrix(*read())))

    def _norm(self, name: str) -> Norm:
        """Return a layer norm; gamma and beta are the names from before PyTorch."""
        size = (self._architecture.hidden_size,)
        return Norm(
            self._weights.read([f"{name}.weight", f"{name}.gamma"], size),
            self._weights.read([f"{name}.bias", f"{name}.beta"], size),
            self._architecture.epsilon,
        )

    def _head(self) -> PackedHead:
        words = f"{self._family.embeddings}.word_embeddings.weight"
        # Not packed, and a view of the file: where tied, the word embeddings are the same memory.
        rows = self._term_rows([self._decoder], [words])

        def pack() -> VocabularyFilter:
            names = self._family.decoder_bias[: None if self._architecture.is_tied else 1]
            return pack_filter(rows, self._weights.read(names, (self._architecture.n_terms,)))

        return PackedHead(rows, self._get(self._family.decoder, VocabularyFilter, pack))

    @property
    def _decoder(self) -> str:
        return f"{self._family.decoder}.weight"

    def _term_rows(self, own: list[str], tied: list[str]) -> Array:
        """Return a table with a row per term; of two tied ones, one may be all that is stored."""
        shape = self._architecture
        names = own + tied * shape.is_tied
        return self._weights.read(names, (shape.n_terms, shape.hidden_size))
