"""What do the tensors of a model hold? Read from safetensors files by NumPy, mapped into memory.

A file starts with the length of its header (8 bytes, little-endian), then the header: JSON that
gives each tensor's type, shape and place among the bytes that follow. A model of several files has
an index that says which tensor is in which. Every place is checked against the file before it is
used; no file can make a read go beyond its end.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from lsr.encoders.json_file import read_json
from lsr.errors import UnsupportedModelError

SINGLE_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
LENGTH_BYTES = 8
MAX_HEADER_BYTES = 100_000_000

# bfloat16 is the upper half of a float32; NumPy has no type for it.
FLOATS = {"F32": np.float32, "F16": np.float16, "F64": np.float64, "BF16": np.uint16}
DTYPES = {**FLOATS, "I8": np.int8, "U16": np.uint16, "I32": np.int32, "I64": np.int64}


class SafetensorsFile:
    """One file of named tensors.

    Args:
        path: of the file.

    Raises:
        UnsupportedModelError: it is no safetensors file, or not a whole one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._bytes = np.memmap(path, np.uint8, mode="r")
        except (OSError, ValueError) as error:  # ValueError: an empty file cannot be mapped
            raise UnsupportedModelError(
                f"The weights in {path} cannot be read ({error})."
            ) from error
        n_bytes = int.from_bytes(self._bytes[:LENGTH_BYTES].tobytes(), "little")
        self._start = LENGTH_BYTES + n_bytes
        if n_bytes > MAX_HEADER_BYTES or self._start > self._bytes.size:
            raise self._broken(f"its header would be {n_bytes} bytes long")
        try:
            header = json.loads(self._bytes[LENGTH_BYTES : self._start].tobytes())
        except (ValueError, RecursionError) as error:
            raise self._broken(f"its header is not readable JSON, {error}") from error
        if not isinstance(header, dict):
            raise self._broken("its header is no object")
        self.metadata = header.pop("__metadata__", None) or {}
        self._entries: dict[str, Any] = header

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    @property
    def names(self) -> list[str]:
        """Names of the tensors."""
        return list(self._entries)

    def digest(self) -> str:
        """Return the digest of all that follows the header."""
        return xxhash.xxh3_128_hexdigest(self._bytes[self._start :].data)

    def read(self, name: str) -> NDArray[np.float32]:
        """Return a tensor of floats, as a view of the file where that holds float32.

        Raises:
            UnsupportedModelError: it is of another kind than floats, or partly outside the file.
        """
        kind, stored = self._stored(name, FLOATS)
        if kind == "BF16":
            return (stored.astype(np.uint32) << 16).view(np.float32)
        with np.errstate(over="ignore"):  # what float32 cannot hold turns infinite, and is refused
            return np.require(stored, np.float32, ["C", "A"])

    def holds_floats(self, name: str) -> bool:
        """Return whether `read` reads a tensor."""
        return self._entries[name].get("dtype") in FLOATS

    def view(self, name: str) -> NDArray[Any]:
        """Return a tensor of floats or whole numbers as it is stored.

        Raises:
            UnsupportedModelError: it is of another kind, or partly outside the file.
        """
        return self._stored(name, DTYPES)[1]

    def _stored(self, name: str, dtypes: Mapping[str, Any]) -> tuple[str, NDArray[Any]]:
        """Return the kind of a tensor, and its numbers."""
        entry = self._entries[name]
        try:
            kind, shape = str(entry["dtype"]), tuple(int(size) for size in entry["shape"])
            start, stop = (self._start + int(offset) for offset in entry["data_offsets"])
        except (TypeError, KeyError, ValueError) as error:
            raise self._broken(f"the entry of {name!r} is not understood") from error
        if kind not in dtypes:
            raise UnsupportedModelError(
                f"The weights in {self.path} hold {name!r} as {kind}, but only "
                f"{', '.join(dtypes)} are read; save the model in float32."
            )
        dtype = np.dtype(dtypes[kind]).newbyteorder("<")
        n_values = math.prod(shape) if min(shape, default=0) >= 0 else -1
        if start < self._start or stop - start != n_values * dtype.itemsize:
            raise self._broken(f"{name!r} does not have the size of its shape {list(shape)}")
        if stop > self._bytes.size:
            raise self._broken(
                f"{name!r} ends at byte {stop} but the file at {self._bytes.size}; fetch it again"
            )
        return kind, np.frombuffer(self._bytes, dtype, n_values, offset=start).reshape(shape)

    def _broken(self, what: str) -> UnsupportedModelError:
        return UnsupportedModelError(f"The weights in {self.path} are damaged: {what}.")


def write_tensor(file: Path, name: str, tensor: NDArray[np.float32]) -> None:
    """Write a file of one tensor."""
    place = {"dtype": "F32", "shape": tensor.shape, "data_offsets": [0, tensor.nbytes]}
    header = json.dumps({name: place}).encode()
    header += b" " * (-len(header) % LENGTH_BYTES)  # so that the tensor is aligned
    length = len(header).to_bytes(LENGTH_BYTES, "little")
    file.write_bytes(length + header + tensor.astype("<f4").tobytes())


class ModelWeights:
    """The tensors of a model, wherever they are.

    Args:
        folder: of the model; or one file.
        prefix: what the names of all tensors begin with.

    Raises:
        UnsupportedModelError: it holds no weights under the usual names, or no whole ones.
    """

    def __init__(self, folder: Path, prefix: str = "") -> None:
        self._folder = folder
        self._prefix = prefix
        if folder.is_file():
            files, folder = [folder.name], folder.parent
        elif (folder / SINGLE_FILE).is_file():
            files = [SINGLE_FILE]
        elif (folder / INDEX_FILE).is_file():
            files = _files_of_index(folder / INDEX_FILE)
        else:
            raise UnsupportedModelError(
                f"The weights in {str(folder)!r} cannot be loaded: there is neither {SINGLE_FILE} "
                f"nor {INDEX_FILE}."
            )
        self.files = [SafetensorsFile(folder / file) for file in files]

    def digest(self) -> str:
        """Return the digest of all tensors."""
        return "-".join(file.digest() for file in self.files)

    def read(self, names: Sequence[str], shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Return the first tensor there is of `names`, which come after the prefix.

        Raises:
            UnsupportedModelError: there is none, or it has another shape, or holds NaN.
        """
        for name in (f"{self._prefix}{name}" for name in names):
            for file in self.files:
                if name in file:
                    return self._checked(name, file.read(name), shape)
        raise UnsupportedModelError(
            f"The weights in {str(self._folder)!r} lack {' and '.join(map(repr, names))}, so its "
            "output would be random; save the model with its masked-language head."
        )

    def _checked(
        self, name: str, tensor: NDArray[np.float32], shape: tuple[int, ...]
    ) -> NDArray[np.float32]:
        if tensor.shape != shape:
            raise UnsupportedModelError(
                f"The weights in {str(self._folder)!r} hold {name!r} in the shape "
                f"{list(tensor.shape)}, but the configuration makes it {list(shape)}."
            )
        flat = tensor.reshape(-1)
        # A sum of squares is finite only where everything is, and comes at the speed of memory.
        with np.errstate(over="ignore", invalid="ignore"):
            is_sure = np.isfinite(np.dot(flat, flat))
        if not is_sure and not np.isfinite(flat).all():
            raise UnsupportedModelError(
                f"The weights in {str(self._folder)!r} hold NaN or infinite values in {name!r}."
            )
        tensor.flags.writeable = False  # as a view of the file is
        return tensor


def _files_of_index(index: Path) -> list[str]:
    places = read_json(index, dict).get("weight_map")
    if not isinstance(places, Mapping) or not places:
        raise UnsupportedModelError(f"{index} must hold the object 'weight_map'.")
    names = sorted(set(map(str, places.values())))
    for name in names:
        if Path(name).name != name:
            raise UnsupportedModelError(f"{index} names {name!r}, which is not in its folder.")
    return names
