"""Numba kernels: pure functions over flat arrays, each with a NumPy reference beside it."""

from lsr.kernels._cache import keyed_cache

with keyed_cache():
    from lsr.kernels.block_checks import unchecked_blocks, unchecked_blocks_reference
    from lsr.kernels.counting_sort import invert, invert_reference
    from lsr.kernels.exhaustive import (
        search_exhaustive,
        search_exhaustive_reference,
        widest_score,
    )
    from lsr.kernels.postings import RANGE_SIZE, Postings, n_ranges

__all__ = [
    "RANGE_SIZE",
    "Postings",
    "invert",
    "invert_reference",
    "n_ranges",
    "search_exhaustive",
    "search_exhaustive_reference",
    "unchecked_blocks",
    "unchecked_blocks_reference",
    "widest_score",
]
