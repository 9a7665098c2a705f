"""Numba kernels: pure functions over flat arrays, each with a NumPy reference beside it."""

from lsr.kernels._cache import keyed_cache

with keyed_cache():
    from lsr.kernels.block_checks import unchecked_blocks, unchecked_blocks_reference
    from lsr.kernels.exhaustive import search_exhaustive, search_exhaustive_reference
    from lsr.kernels.postings import (
        RANGE_SIZE,
        PostingRange,
        Postings,
        are_offsets_sound,
        impacts_of_list,
        n_ranges,
        offsets_of_list,
    )
    from lsr.kernels.range_coding import (
        decode_range,
        encode_range,
        encode_range_reference,
        kth_impacts,
        list_maxima,
    )
    from lsr.kernels.top_k import sort_best, top_k_reference

__all__ = [
    "RANGE_SIZE",
    "PostingRange",
    "Postings",
    "are_offsets_sound",
    "decode_range",
    "encode_range",
    "encode_range_reference",
    "impacts_of_list",
    "kth_impacts",
    "list_maxima",
    "n_ranges",
    "offsets_of_list",
    "search_exhaustive",
    "search_exhaustive_reference",
    "sort_best",
    "top_k_reference",
    "unchecked_blocks",
    "unchecked_blocks_reference",
]
