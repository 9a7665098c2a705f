"""Random inputs for property tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from lsr.sparse import SparseBatch

# Many equal values, so that ties are common.
_WEIGHTS = st.sampled_from([0.25, 0.5, 1.0, 1.0, 1.0, 2.0, 3.75])


@st.composite
def sparse_batches(
    draw: st.DrawFn, *, max_rows: int = 12, n_terms: int = 9, min_rows: int = 0
) -> SparseBatch:
    """Batches with empty rows, ties and unused terms."""
    row = st.dictionaries(st.integers(0, n_terms - 1), _WEIGHTS, max_size=n_terms)
    rows = draw(st.lists(row, min_size=min_rows, max_size=max_rows))
    return SparseBatch.from_rows([one.items() for one in rows], n_terms)


@st.composite
def quantized_documents(
    draw: st.DrawFn, *, max_docs: int = 40, n_terms: int = 7
) -> tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.uint8]]:
    """CSR documents with impacts of 1 to 255, few distinct values so that scores tie."""
    impacts = st.sampled_from([1, 1, 2, 2, 200, 255])
    row = st.dictionaries(st.integers(0, n_terms - 1), impacts, max_size=n_terms)
    rows = draw(st.lists(row, min_size=1, max_size=max_docs))
    indptr = np.cumsum([0, *(len(one) for one in rows)]).astype(np.int64)
    terms = np.array([term for one in rows for term in sorted(one)], dtype=np.uint32)
    values = np.array([one[term] for one in rows for term in sorted(one)], dtype=np.uint8)
    return indptr, terms, values


@st.composite
def integer_queries(
    draw: st.DrawFn, *, n_terms: int = 7
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Distinct terms with integer weights on both sides of the 16-bit score limit."""
    weights = st.sampled_from([1, 2, 3, 100, 65535])
    query = draw(st.dictionaries(st.integers(0, n_terms - 1), weights, max_size=n_terms))
    terms = np.array(sorted(query), dtype=np.uint32)
    return terms, np.array([query[term] for term in sorted(query)], dtype=np.uint32)
