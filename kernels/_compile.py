"""How is a kernel compiled? On its first call, by one rule for all; its machine code is kept.

Who imports a compiled function imports Numba, which takes longer than answering a question does.
So nothing is compiled in `lsr/kernels/__init__.py`, in postings.py, algorithm.py and
search_reference.py, and whoever calls kernels imports them where the call is.
"""

from __future__ import annotations

from typing import Any

import numba

from lsr.kernels._cache import keyed_cache
from lsr.kernels._first_use import announce_compilation

announce_compilation()


def kernel(function: Any) -> Any:
    """Make a function a kernel: without the interpreter's lock, with NumPy's rules of division.

    What only other kernels call is compiled as a part of them, and may do without the cache.
    """
    with keyed_cache():
        return numba.njit(cache=True, nogil=True, error_model="numpy")(function)
