"""Where are packed weights kept, so that a later process need not pack them again?

In a file beside the model, or in the user's cache folder where that cannot be written. It is mapped
into memory, so that processes share it and nothing is copied, and named by a digest of the weights
it was made of: other weights have another name. Its own bytes have a digest too, and a file that
does not match it is made anew. A small model is packed faster than its file is checked, and has
none.

The layout is that of safetensors, but for gaps that align every array to a line of the processor's
cache.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
import xxhash
from numpy.typing import NDArray

from lsr.encoders.safetensors_file import SafetensorsFile
from lsr.errors import UnsupportedModelError

logger = logging.getLogger(__name__)

Packed = TypeVar("Packed", bound=tuple[Any, ...])

LAYOUT = 4
"""Rises when the kernels change what they read; files of another layout are not found."""

ALIGNMENT = 64
FOLDER = ".lsr-pack"
KINDS = {
    np.dtype(np.float32): "F32",
    np.dtype(np.int8): "I8",
    np.dtype(np.uint16): "U16",
    np.dtype(np.int32): "I32",
    np.dtype(np.int64): "I64",
}


class PackCache:
    """The packed parts of one model; what it lacks is made, and kept when the block ends.

    Args:
        folder: of the model.
        kind: of packing; a folder keeps one file of each.
        content: says all else that the packed parts depend on.
    """

    def __init__(self, folder: Path, kind: str, content: str) -> None:
        self._kind = kind
        digest = xxhash.xxh3_128_hexdigest(f"{LAYOUT} {content}".encode())
        places = (folder / FOLDER, _user_folder())
        self._places = [place / f"{kind}-{digest}.pack" for place in places]
        self._file = _first_whole(self._places)
        self._made: dict[str, NDArray[Any]] = {}

    def __enter__(self) -> PackCache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: object, __: TracebackType | None
    ) -> None:
        if kind is not None or not self._made:
            return
        own = self._places[0]
        if _write_first(self._places, self._made) == own:
            for other in set(own.parent.glob(f"{self._kind}-*.pack")) - {own}:
                other.unlink(missing_ok=True)  # of weights that this folder held before

    def get(self, name: str, kind: type[Packed], make: Callable[[], Packed]) -> Packed:
        """Return a part, made by `make` unless it is kept already.

        Args:
            name: of the part.
            kind: a named tuple of arrays.
            make: reads weights and packs them.
        """
        if self._file is not None:
            return kind(*(self._file.view(f"{name}.{field}") for field in _fields(kind)))
        packed = make()
        self._made.update(
            (f"{name}.{field}", array) for field, array in zip(_fields(kind), packed, strict=True)
        )
        return packed


def _fields(kind: Any) -> tuple[str, ...]:
    """Return the names in a named tuple."""
    return kind._fields


def _user_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "lsr" / "packs"


def _first_whole(places: list[Path]) -> SafetensorsFile | None:
    for place in places:
        if not place.is_file():
            continue
        try:
            file = SafetensorsFile(place)
            if file.metadata == {"digest": file.digest()}:
                return file
        except UnsupportedModelError:
            pass  # no such file at all: damaged as well
        logger.warning("The packed weights in %s are damaged, and are made again.", place)
    return None


def _write_first(places: list[Path], arrays: dict[str, NDArray[Any]]) -> Path | None:
    """Write a file where that is possible; a cache that cannot be kept is no error."""
    for place in places:
        try:
            _write(place, arrays)
        except OSError as error:
            logger.debug("Packed weights are not kept in %s: %s", place.parent, error)
        else:
            logger.info("Kept packed weights in %s", place)
            return place
    return None


def _write(place: Path, arrays: dict[str, NDArray[Any]]) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    header: dict[str, Any] = {}
    digest, stop = xxhash.xxh3_128(), 0
    for name, array in arrays.items():
        start, stop = stop, stop + array.nbytes
        entry = {"dtype": KINDS[array.dtype], "shape": array.shape, "data_offsets": (start, stop)}
        header[name] = entry
        digest.update(array.data.cast("B") if array.size else b"")
        digest.update(_gap(stop))
        stop += len(_gap(stop))
    header["__metadata__"] = {"digest": digest.hexdigest()}
    text = json.dumps(header).encode()
    text += b" " * len(_gap(8 + len(text)))
    temporary = place.with_name(f"{place.name}.{os.getpid()}.new")
    try:
        with temporary.open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for array in arrays.values():
                file.write(array.data)
                file.write(_gap(array.nbytes))
        temporary.replace(place)
    finally:
        temporary.unlink(missing_ok=True)


def _gap(n_bytes: int) -> bytes:
    """Return what fills up to the next aligned place."""
    return bytes(-n_bytes % ALIGNMENT)
