"""Which terms does each text activate, and how much? In float32.

    weight of a term in a text = log(1 + max(0, max over tokens t of (W h_t + bias)[term]))

The product has a number for every token and every term, of which a thousandth remains. Bytes rule
out most terms of a text (vocabulary_filter.py) at a fourth of the cost; the others' logits, active
or not, are computed from the float32 weights. Where bytes would rule out too little, all are. What
comes out is the same in both cases, bit by bit.

Paper: T. Formal, C. Lassance, B. Piwowarski, S. Clinchant, "SPLADE v2: Sparse Lexical and Expansion
Model for Information Retrieval", 2021, section 3 (max pooling).
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from lsr.kernels._compile import kernel
from lsr.kernels.transformer.lanes import (
    LANES,
    VECTOR_BYTES,
    largest_lane,
    load,
    load_first,
    maximum,
    store,
)
from lsr.kernels.transformer.layout import check_activations, check_starts
from lsr.kernels.transformer.rounded_texts import round_texts
from lsr.kernels.transformer.sparse_rows import ActiveTerms, collect_reference, keep_active
from lsr.kernels.transformer.strips import (
    PANEL_VECTORS,
    STRIP_ROWS,
    block_vectors,
    float_strip,
    panel_width,
)
from lsr.kernels.transformer.vocabulary_filter import (
    DENSE_SHARE,
    VocabularyFilter,
    find_candidates,
    list_candidates,
    pack_filter,
)
from lsr.kernels.vector import prefetch


class PackedHead(NamedTuple):
    """The vocabulary matrix as the kernel reads it, made by `pack_head`. Read-only.

    Attributes:
        weight: shape (n_terms, n_features), C order, as the model has it.
        filter: the same rounded to bytes, and the bias.
    """

    weight: NDArray[np.float32]
    filter: VocabularyFilter


def pack_head(weight: NDArray[np.float32], bias: NDArray[np.float32] | None = None) -> PackedHead:
    """Round a vocabulary matrix to bytes, and keep it beside them.

    Args:
        weight: shape (n_terms, n_features), C order; kept, not copied.
        bias: shape (n_terms,), or None for none.
    """
    kept = np.ascontiguousarray(weight, dtype=np.float32).view()
    kept.flags.writeable = False
    return PackedHead(kept, pack_filter(kept, bias))


def active_terms_reference(
    head: PackedHead, x: NDArray[np.float32], starts: NDArray[np.int64]
) -> ActiveTerms:
    """Say in NumPy, with 64 bits, what `active_terms` must return."""
    weight, bias = head.weight.astype(np.float64), head.filter.bias[: len(head.weight)]
    rows = [
        (weight @ x[:, begin:end]).max(axis=1, initial=-np.inf) + bias
        for begin, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)
    ]
    return collect_reference(np.array(rows).reshape(starts.size - 1, bias.size))


def active_terms(
    head: PackedHead,
    x: NDArray[np.float32],
    starts: NDArray[np.int64],
    dense_share: float = DENSE_SHARE,
) -> ActiveTerms:
    """Return the terms that each text activates.

    Args:
        head: the vocabulary matrix.
        x: what the layers before it say of every token, shape (n_features, padded tokens), finite.
        starts: shape (n_texts + 1,), first column of each text and one past the last.
        dense_share: share of the vocabulary that may be active in a text, above which bytes are
            given up; it changes how long this takes, and nothing else.
    """
    check_activations("x", x, head.weight.shape[1], x.shape[1])
    check_starts(starts, x.shape[1])
    return ActiveTerms(*_active_terms(head.weight, head.filter, x, starts, float(dense_share)))


def active_among(
    weight: NDArray[np.float32],
    bias: NDArray[np.float32],
    x: NDArray[np.float32],
    starts: NDArray[np.int64],
    indptr: NDArray[np.int64],
    terms: NDArray[np.uint32],
) -> ActiveTerms:
    """Return which of some terms each text activates; a text may have others to choose among.

    Args:
        weight: shape (n_terms, n_features), C order.
        bias: shape (n_terms,).
        x: as `active_terms` takes it.
        starts: as `active_terms` takes it.
        indptr: shape (n_texts + 1,), text ``i`` chooses among ``terms[indptr[i]:indptr[i + 1]]``.
        terms: rising for each text.
    """
    check_activations("x", x, weight.shape[1], x.shape[1])
    check_starts(starts, x.shape[1])
    return ActiveTerms(*_active_among(weight, bias, x, starts, indptr, terms))


@kernel
def _active_among(
    weight: NDArray[np.float32],
    bias: NDArray[np.float32],
    x: NDArray[np.float32],
    starts: NDArray[np.int64],
    indptr: NDArray[np.int64],
    terms: NDArray[np.uint32],
) -> tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.float32]]:
    logits = np.empty(terms.size, dtype=np.float32)
    for text in range(indptr.size - 1):
        some = terms[indptr[text] : indptr[text + 1]]
        if some.size and starts[text + 1] > starts[text]:
            alone = np.array([text], dtype=np.int64)
            _write_logits(weight, bias, some, x, starts, alone, indptr, logits)
        else:
            logits[indptr[text] : indptr[text + 1]] = -np.inf
    return keep_active(indptr, terms, logits)


@kernel
def _active_terms(
    weight: NDArray[np.float32],
    vocabulary: VocabularyFilter,
    x: NDArray[np.float32],
    starts: NDArray[np.int64],
    dense_share: float,
) -> tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.float32]]:
    # 1. Candidates.
    masks, is_dense = find_candidates(vocabulary, round_texts(x, starts), dense_share)
    indptr, terms = list_candidates(masks, is_dense, weight.shape[0])
    # 2. Their logits. Dense texts have the same candidates, and are multiplied together.
    logits = np.empty(terms.size, dtype=np.float32)
    texts = np.empty(is_dense.size, dtype=np.int64)
    n_texts = n_vectors = 0
    for text in range(is_dense.size):
        texts[n_texts] = text
        n_texts += 1
        n_vectors -= (starts[text] - starts[text + 1]) // LANES
        is_last = text + 1 == is_dense.size or not (is_dense[text] and is_dense[text + 1])
        if is_last or n_vectors >= block_vectors(x.shape[0]):
            some = terms[indptr[text] : indptr[text + 1]]
            _write_logits(weight, vocabulary.bias, some, x, starts, texts[:n_texts], indptr, logits)
            n_texts = n_vectors = 0
    # 3. The active ones.
    return keep_active(indptr, terms, logits)


@numba.njit(nogil=True, error_model="numpy")
def _write_logits(
    weight: NDArray[np.float32],
    bias: NDArray[np.float32],
    terms: NDArray[np.uint32],
    x: NDArray[np.float32],
    starts: NDArray[np.int64],
    texts: NDArray[np.int64],
    places: NDArray[np.int64],
    logits: NDArray[np.float32],
) -> None:
    """Write the largest logits of some terms over the tokens of each of `texts`.

    Those of a text go to ``logits[places[text]]`` and on.
    """
    depth = x.shape[0]
    panels = _copy_tokens(x, starts, texts)
    copied = np.zeros((STRIP_ROWS, -(-depth // LANES) * LANES), dtype=np.float32)
    sums = np.empty((STRIP_ROWS, PANEL_VECTORS, LANES), dtype=np.float32)
    largest = np.empty((STRIP_ROWS, LANES), dtype=np.float32)
    for first in range(0, terms.size, STRIP_ROWS):
        n_rows = min(STRIP_ROWS, terms.size - first)
        rows, row_bytes = weight.ctypes.data + 4 * depth * np.int64(terms[first]), 4 * depth
        if n_rows < STRIP_ROWS or terms[first + n_rows - 1] - terms[first] >= STRIP_ROWS:
            _copy_rows(weight, terms[first : first + n_rows], copied)
            rows, row_bytes = copied.ctypes.data, 4 * copied.shape[1]
        # The next rows may lie anywhere in memory; ask for them while these are multiplied.
        for place in range(first + STRIP_ROWS, min(first + 2 * STRIP_ROWS, terms.size)):
            for feature in range(0, depth, LANES):
                prefetch(weight.ctypes.data + 4 * (np.int64(terms[place]) * depth + feature))
        panel = panels.ctypes.data
        for text in texts:
            # 1. The largest product in each lane.
            largest[:] = -np.inf
            left = -((starts[text] - starts[text + 1]) // LANES)
            while left > 0:
                width = panel_width(left)
                float_strip(
                    rows,
                    row_bytes,
                    4,
                    panel,
                    width * VECTOR_BYTES,
                    depth,
                    sums.ctypes.data,
                    PANEL_VECTORS * VECTOR_BYTES,
                    width,
                )
                for row in range(STRIP_ROWS):
                    at = largest.ctypes.data + row * VECTOR_BYTES
                    for vector in range(width):
                        some = sums.ctypes.data + (row * PANEL_VECTORS + vector) * VECTOR_BYTES
                        store(at, maximum(load(some), load(at)))
                panel += width * depth * VECTOR_BYTES
                left -= width
            # 2. Of all lanes.
            for row in range(n_rows):
                top = largest_lane(load(largest.ctypes.data + row * VECTOR_BYTES))
                logits[places[text] + first + row] = top + bias[terms[first + row]]


@numba.njit(nogil=True, error_model="numpy")
def _copy_rows(
    weight: NDArray[np.float32], terms: NDArray[np.uint32], rows: NDArray[np.float32]
) -> None:
    """Copy the weights of some terms to rows of whole vectors."""
    depth = weight.shape[1]
    for row in range(terms.size):
        source = weight.ctypes.data + 4 * depth * np.int64(terms[row])
        target = rows.ctypes.data + 4 * row * rows.shape[1]
        for feature in range(0, depth, LANES):
            store(target + 4 * feature, load_first(source + 4 * feature, depth - feature))


@numba.njit(nogil=True, error_model="numpy")
def _copy_tokens(
    x: NDArray[np.float32], starts: NDArray[np.int64], texts: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Copy the tokens of some texts: panel after panel of whole vectors, in each row after row.

    The last vector of a text is filled up with one of its tokens, which changes no maximum.
    """
    n_vectors = 0
    for text in texts:
        n_vectors -= (starts[text] - starts[text + 1]) // LANES
    panels = np.empty((n_vectors, x.shape[0], LANES), dtype=np.float32)
    target = panels.ctypes.data
    for text in texts:
        token, end = starts[text], starts[text + 1]
        while token < end:
            width = panel_width(-((token - end) // LANES))
            for feature in range(x.shape[0]):
                source = x.ctypes.data + 4 * feature * x.shape[1]
                for first in range(token, token + width * LANES, LANES):
                    store(target, load_first(source + 4 * first, end - first))
                    target += VECTOR_BYTES
            token += width * LANES
    return panels
