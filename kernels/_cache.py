"""Where do compiled kernels live? In a cache folder named by the source of all kernels.

Numba renews a cached kernel only when that kernel's own file changes, not when a kernel that it
calls does. Naming the folder by the source of every kernel makes a stale hit impossible.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numba


def cache_folder(kernels: Path) -> Path:
    """Return the folder for the machine code of the kernels as they are now in a folder."""
    source = b"".join(path.read_bytes() for path in sorted(kernels.rglob("*.py")))
    return kernels / "__pycache__" / f"numba-{hashlib.sha256(source).hexdigest()[:16]}"


FOLDER = cache_folder(Path(__file__).parent)


@contextmanager
def keyed_cache() -> Iterator[None]:
    """Send kernels that are decorated inside the block to `FOLDER`.

    A folder that the user set by ``NUMBA_CACHE_DIR`` is left alone.
    """
    config: Any = numba.config
    before = config.CACHE_DIR
    if not before:
        config.CACHE_DIR = str(FOLDER)
    try:
        yield
    finally:
        config.CACHE_DIR = before
