"""How do a model's files become a network? Read by their names, packed for the kernels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.native.architecture import Architecture, architecture_of
from lsr.encoders.native.layers import (
    Dense,
    Float32Dense,
    Head,
    Int8Dense,
    Layer,
    Norm,
    float32_head,
    int8_head,
)
from lsr.encoders.native.network import NativeNetwork
from lsr.encoders.precision import Precision
from lsr.encoders.safetensors_file import ModelWeights
from lsr.kernels.transformer import (
    EmbeddingTables,
    pack_head,
    pack_int8,
    pack_int8_head,
    pack_matrix,
)

Array = NDArray[np.float32]


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
    architecture = architecture_of(config)
    if precision is Precision.INT8:
        model = _Model(
            architecture,
            ModelWeights(folder),
            dense=lambda weight, bias: Int8Dense(pack_int8(weight, bias)),
            head=lambda weight, bias: int8_head(pack_int8_head(weight, bias)),
        )
        return model.network(Precision.INT8)
    model = _Model(
        architecture,
        ModelWeights(folder),
        dense=lambda weight, bias: Float32Dense(pack_matrix(weight, bias)),
        head=lambda weight, bias: float32_head(pack_head(weight, bias)),
    )
    return model.network(Precision.FLOAT32)


class _Model:
    """Finds the parts of a model among its tensors, and packs them.

    Args:
        architecture: says how they are called and shaped.
        weights: the tensors.
        dense: packs the matrix and the bias of a dense layer.
        head: packs those of the vocabulary head.
    """

    def __init__(
        self,
        architecture: Architecture,
        weights: ModelWeights,
        *,
        dense: Callable[[Array, Array], Dense],
        head: Callable[[Array, Array], Head],
    ) -> None:
        self._architecture = architecture
        self._family = architecture.family
        self._weights = weights
        self._pack_dense = dense
        self._pack_head = head

    def network(self, precision: Precision) -> NativeNetwork:
        """Return the whole network."""
        shape, family = self._architecture, self._family
        return NativeNetwork(
            shape,
            embeddings=self._embeddings(),
            layers=[self._layer(f"{family.layers}.{n}.") for n in range(shape.n_layers)],
            head_dense=self._dense(shape.hidden_size, shape.hidden_size, family.head_dense),
            head_norm=self._norm(family.head_norm),
            head=self._head(),
            precision=precision,
        )

    def _embeddings(self) -> EmbeddingTables:
        shape, prefix = self._architecture, f"{self._family.embeddings}."
        norm = self._norm(f"{prefix}LayerNorm")
        if shape.n_types:
            name = f"{prefix}token_type_embeddings.weight"
            types = self._weights.read([name], (shape.n_types, shape.hidden_size))
        else:
            types = np.zeros((1, shape.hidden_size), dtype=np.float32)
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

    def _dense(self, n_rows: int, n_columns: int, *names: str) -> Dense:
        """Return the dense layers of these names as one, which has the rows of all."""
        read = self._weights.read
        weights = [read([f"{name}.weight"], (n_rows, n_columns)) for name in names]
        biases = [read([f"{name}.bias"], (n_rows,)) for name in names]
        return self._pack_dense(np.concatenate(weights), np.concatenate(biases))

    def _norm(self, name: str) -> Norm:
        """Return a layer norm; gamma and beta are the names from before PyTorch."""
        size = (self._architecture.hidden_size,)
        return Norm(
            self._weights.read([f"{name}.weight", f"{name}.gamma"], size),
            self._weights.read([f"{name}.bias", f"{name}.beta"], size),
            self._architecture.epsilon,
        )

    def _head(self) -> Head:
        words = f"{self._family.embeddings}.word_embeddings.weight"
        n_names = None if self._architecture.is_tied else 1
        bias = self._weights.read(
            self._family.decoder_bias[:n_names], (self._architecture.n_terms,)
        )
        return self._pack_head(self._term_rows([self._decoder], [words]), bias)

    @property
    def _decoder(self) -> str:
        return f"{self._family.decoder}.weight"

    def _term_rows(self, own: list[str], tied: list[str]) -> Array:
        """Return a table with a row per term; of two tied ones, one may be all that is stored."""
        shape = self._architecture
        names = own + tied * shape.is_tied
        return self._weights.read(names, (shape.n_terms, shape.hidden_size))
