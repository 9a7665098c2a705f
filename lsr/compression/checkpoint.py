"""Which tensors does a compressed model change, and how is it written? As an ordinary checkpoint.

Where something was removed there are zeros, and terms that were dropped have a bias that nothing
reaches. So every library reads the model, and gives the vectors that the native backend gives
faster. Terms that are left to the texts which hold them keep their bias: what holds for them is
said beside the weights, and other libraries give them to all texts.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from lsr.compression.scores import Doubles, Floats
from lsr.encoders.compressed import FILE, VERSION, VERSION_WITHOUT_LITERAL, read_compression
from lsr.encoders.json_file import read_json
from lsr.encoders.layouts import TowerFiles
from lsr.encoders.native.architecture import architecture_of
from lsr.encoders.safetensors_file import SINGLE_FILE, ModelWeights
from lsr.errors import MissingDependencyError
from lsr.kernels.transformer import block_share

Named = TypeVar("Named")

CONFIG = "config.json"

NOT_COPIED = shutil.ignore_patterns(
    *("*.safetensors", "*.safetensors.index.json", "*.bin", "*.pt", "*.pth", "*.ckpt", "*.h5"),
    *("*.msgpack", "*.onnx", "onnx", "openvino", ".lsr-pack", ".git*", ".cache", FILE),
)
"""Weights, in whatever form: of all forms only one is written anew."""

UNREACHED = np.float32(-1e4)
"""Bias of a term that was dropped: far below any sum, and still a number in 16 bits."""


class Checkpoint:
    """The tensors of a masked-language model, to be changed and written.

    What a compressed model says of itself is true of it still when it is compressed again.

    Args:
        files: of the model, of an architecture that the native backend runs.
    """

    def __init__(self, files: TowerFiles) -> None:
        self._files = files
        self._architecture = architecture_of(files.config)
        self._weights = ModelWeights(files.folder, files.tensor_prefix)
        self._changed: dict[str, NDArray[Any]] = {}
        self._config: dict[str, Any] = {}
        self._kept_layers = list(range(self._architecture.n_layers))
        removed = read_compression(files.folder)
        self._blocks = dict(removed.blocks)
        self._n_dropped = removed.n_dropped_terms
        self._literal = list(removed.literal_terms)
        self._n_multiplied = removed.n_multiplied or self._architecture.n_multiplied

    @property
    def digest(self) -> str:
        """What tells these weights from others."""
        return self._weights.digest()

    @property
    def n_layers(self) -> int:
        """Layers of the model as it is."""
        return self._architecture.n_layers

    @property
    def n_heads(self) -> int:
        """Attention heads of a layer."""
        return self._architecture.n_heads

    def matrix(self, layer: int, part: str) -> tuple[Floats, Floats]:
        """Return a matrix of a layer, as the native backend multiplies it, and its bias."""
        names, n_columns = self.names(layer, part)
        n_rows = self._rows(part)
        read = self._weights.read
        weights = [read([f"{name}.weight"], (n_rows, n_columns)) for name in names]
        biases = [read([f"{name}.bias"], (n_rows,)) for name in names]
        return np.concatenate(weights), np.concatenate(biases)

    def change_matrix(self, layer: int, part: str, weight: Floats, bias: Floats) -> None:
        """Put another matrix and bias in the place of those of a layer."""
        names, _ = self.names(layer, part)
        for name, rows, own in zip(
            names, np.split(weight, len(names)), np.split(bias, len(names)), strict=True
        ):
            self._changed[f"{name}.weight"], self._changed[f"{name}.bias"] = rows, own

    def keep_neurons(
        self, layer: int, kept: NDArray[np.int64], weight: Floats, bias: Floats
    ) -> None:
        """Keep some neurons of a layer; all layers must keep equally many.

        Args:
            layer: its number.
            kept: their numbers.
            weight: what they are multiplied with afterwards, shape (hidden size, kept.size).
            bias: of that, shape (hidden size,).
        """
        rows, own_bias = self.matrix(layer, "up")
        self.change_matrix(layer, "up", rows[kept], own_bias[kept])
        self.change_matrix(layer, "down", weight, bias)
        self._config[self._architecture.family.intermediate_size] = kept.size

    def keep_layers(self, kept: Sequence[int], means: Doubles) -> None:
        """Keep some layers, and let others pass on what comes in, moved to the mean of their own.

        Args:
            kept: their numbers, rising.
            means: mean state before the first layer and after each, shape (n_layers + 1, size).
        """
        family = self._architecture.family
        norms = [f"{family.embeddings}.LayerNorm"]
        norms += [f"{family.layers}.{layer}.{family.layer.norm}" for layer in range(self.n_layers)]
        # A state is written 0 before the layers, and number + 1 after each.
        written = [0, *(layer + 1 for layer in kept)]
        read = [*kept, self.n_layers]
        for state, later in zip(written, read, strict=True):
            if state != later:
                self._move_norm(norms[state], (means[later] - means[state]).astype(np.float32))
        self._kept_layers = list(kept)
        self._config[family.n_layers] = len(kept)

    def _move_norm(self, name: str, shift: Floats) -> None:
        for own in (f"{name}.bias", f"{name}.beta"):
            if self._is_there(own):
                self._changed[own] = self._weights.read([own], shift.shape) + shift

    def vocabulary(self) -> tuple[Floats, Floats]:
        """Return the vocabulary matrix, shape (n_terms, hidden size), and its bias."""
        shape = self._architecture
        names = [f"{shape.family.decoder}.weight"]
        if shape.is_tied:
            names.append(f"{shape.family.embeddings}.word_embeddings.weight")
        rows = self._weights.read(names, (shape.n_terms, shape.hidden_size))
        return rows, self._weights.read(self._bias_names, (shape.n_terms,))

    def change_bias(self, bias: Floats, dropped: NDArray[np.int64]) -> None:
        """Give the terms another bias, and drop some."""
        bias = bias.copy()
        bias[dropped] = UNREACHED
        self._n_dropped = max(self._n_dropped, dropped.size)
        # All names that are there, since which of them a library reads is its own affair.
        for name in self._architecture.family.decoder_bias:
            if self._is_there(name):
                self._changed[name] = bias

    def leave_to_texts(self, terms: NDArray[np.int64]) -> None:
        """Leave some terms to the texts that hold them."""
        self._literal = sorted({*self._literal, *terms.tolist()})

    def write(self, folder: Path, facts: Mapping[str, Any]) -> dict[str, float]:
        """Write the model to an empty folder; return the share of each changed matrix in blocks.

        Args:
            folder: to write into.
            facts: what else compression.json says.

        Raises:
            MissingDependencyError: safetensors is not installed.
        """
        try:
            from safetensors.numpy import save_file
        except ImportError:
            raise MissingDependencyError("Writing a model", "encode") from None
        prefix = self._files.tensor_prefix
        tensors: dict[str, NDArray[Any]] = {}
        for file in self._weights.files:
            for name in file.names:
                tensors[name] = file.read(name) if file.holds_floats(name) else file.view(name)
        tensors |= {f"{prefix}{name}": array for name, array in self._changed.items()}
        shares = self._blocks | {
            name.removesuffix(".weight"): round(block_share(array), 6)
            for name, array in self._changed.items()
            if array.ndim == 2
        }
        blocks = self._renumbered("", {name: share for name, share in shares.items() if share < 1})
        shutil.copytree(self._files.folder, folder, ignore=NOT_COPIED, dirs_exist_ok=True)
        left = self._renumbered(prefix, tensors)
        whole = {name: np.ascontiguousarray(array) for name, array in left.items()}
        save_file(whole, folder / SINGLE_FILE, metadata={"format": "pt"})
        (folder / SINGLE_FILE).chmod(0o644)  # like the files beside it, not for one user alone
        said = {
            "version": VERSION if self._literal else VERSION_WITHOUT_LITERAL,
            "blocks": blocks,
            "n_dropped_terms": self._n_dropped,
            "literal_terms": self._literal,
            "n_multiplied": self._n_multiplied,
            **facts,
        }
        if self._config:
            config = {**read_json(self._files.folder / CONFIG, dict), **self._config}
            (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        (folder / FILE).write_bytes(msgspec.json.format(msgspec.json.encode(said)) + b"\n")
        return blocks

    def _is_there(self, name: str) -> bool:
        prefixed = f"{self._files.tensor_prefix}{name}"
        return any(prefixed in file for file in self._weights.files)

    def _renumbered(self, prefix: str, named: Mapping[str, Named]) -> dict[str, Named]:
        """Return what is named after kept layers by their new numbers, and all else."""
        start = f"{prefix}{self._architecture.family.layers}."
        numbers = {str(old): str(new) for new, old in enumerate(self._kept_layers)}
        found = {}
        for name, value in named.items():
            if not name.startswith(start):
                found[name] = value
                continue
            number, _, rest = name.removeprefix(start).partition(".")
            if number in numbers:
                found[f"{start}{numbers[number]}.{rest}"] = value
        return found

    @property
    def _bias_names(self) -> tuple[str, ...]:
        names = self._architecture.family.decoder_bias
        return names if self._architecture.is_tied else names[:1]

    def _rows(self, part: str) -> int:
        """Return the rows of each of the matrices that a part is made of."""
        shape = self._architecture
        return shape.intermediate_size if part == "up" else shape.hidden_size

    def names(self, layer: int, part: str) -> tuple[list[str], int]:
        """Return the names of the matrices that a part is made of, and their columns."""
        shape = self._architecture
        names = shape.family.layer
        own = (names.query, names.key, names.value) if part == "qkv" else (getattr(names, part),)
        prefix = f"{shape.family.layers}.{layer}."
        n_columns = shape.intermediate_size if part == "down" else shape.hidden_size
        return [f"{prefix}{name}" for name in own], n_columns
