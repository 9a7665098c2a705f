"""Numba kernels: pure functions over flat arrays, each with a NumPy reference beside it."""

from lsr.kernels._cache import keyed_cache
from lsr.kernels._first_use import announce_compilation

announce_compilation()

with keyed_cache():
    from lsr.kernels.block_checks import unchecked_blocks, unchecked_blocks_reference
    from lsr.kernels.dense_rows import DenseRows, document_frequencies, empty_rows, fill_row
    from lsr.kernels.exhaustive import search_exhaustive, search_exhaustive_reference
    from lsr.kernels.exhaustive_float import search_exhaustive_float
    from lsr.kernels.postings import (
        RANGE_SIZE,
        PostingRange,
        Postings,
        are_offsets_sound,
        impacts_of_list,
        n_ranges,
        offsets_of_list,
    )
    from lsr.kernels.query_weights import MAX_IMPACT, quantize_queries, quantize_queries_reference
    from lsr.kernels.range_coding import (
        decode_range,
        encode_range,
        encode_range_reference,
        kth_impacts,
        list_maxima,
    )
    from lsr.kernels.score_filter import Scratch, new_scratch
    from lsr.kernels.search import (
        Algorithm,
        Heaps,
        SegmentView,
        new_heaps,
        search_segment,
        sort_heaps,
    )
    from lsr.kernels.top_k import sort_best, top_k_reference

__all__ = [
    "MAX_IMPACT",
    "RANGE_SIZE",
    "Algorithm",
    "DenseRows",
    "Heaps",
    "PostingRange",
    "Postings",
    "Scratch",
    "SegmentView",
    "are_offsets_sound",
    "decode_range",
    "document_frequencies",
    "empty_rows",
    "encode_range",
    "encode_range_reference",
    "fill_row",
    "impacts_of_list",
    "kth_impacts",
    "list_maxima",
    "n_ranges",
    "new_heaps",
    "new_scratch",
    "offsets_of_list",
    "quantize_queries",
    "quantize_queries_reference",
    "search_exhaustive",
    "search_exhaustive_float",
    "search_exhaustive_reference",
    "search_segment",
    "sort_best",
    "sort_heaps",
    "top_k_reference",
    "unchecked_blocks",
    "unchecked_blocks_reference",
]
