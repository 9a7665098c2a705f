"""What is a batch of sparse vectors? The one type that encoders and index exchange.

A `SparseBatch` is a CSR matrix: row ``i`` holds the terms ``terms[indptr[i]:indptr[i+1]]``,
strictly increasing, with the positive float weights at the same positions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash
from numpy.typing import ArrayLike, NDArray

from lsr.errors import InvalidInputError, MissingDependencyError

if TYPE_CHECKING:
    import scipy.sparse

MAX_TERM_ID = (1 << 24) - 1
"""Largest term id; posting lists are addressed by a dense table of all terms."""

MAX_WEIGHT = float(np.finfo(np.float32).max)
"""Largest weight that is sure to stay finite as a 32-bit float."""


@dataclass(frozen=True, slots=True, eq=False)
class SparseBatch:
    """A batch of sparse vectors in CSR layout.

    Attributes:
        indptr: shape (n_rows + 1,), starts at 0, never falls.
        terms: shape (nnz,), term ids, strictly increasing inside a row.
        weights: shape (nnz,), finite and above zero.
        n_terms: size of the vocabulary; every term id is below it.

    Example:
        >>> batch = SparseBatch.from_rows([[(7, 1.5), (2, 0.5)], []], n_terms=10)
        >>> len(batch), batch.nnz
        (2, 2)
        >>> batch.row(0)[0].tolist()
        [2, 7]
    """

    indptr: NDArray[np.int64]
    terms: NDArray[np.uint32]
    weights: NDArray[np.float32]
    n_terms: int

    def __len__(self) -> int:
        return self.indptr.size - 1

    @property
    def nnz(self) -> int:
        """Number of stored weights."""
        return int(self.terms.size)

    @property
    def active_dims(self) -> NDArray[np.int64]:
        """Number of terms of each row, shape (n_rows,)."""
        return np.diff(self.indptr)

    def row(self, number: int) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
        """Return the terms and the weights of one row, as views."""
        span = slice(self.indptr[number], self.indptr[number + 1])
        return self.terms[span], self.weights[span]

    def rows(self) -> Iterator[tuple[NDArray[np.uint32], NDArray[np.float32]]]:
        """Yield the terms and the weights of each row in turn."""
        return (self.row(number) for number in range(len(self)))

    def slice(self, start: int, stop: int) -> SparseBatch:
        """Return rows ``start`` to ``stop``, sharing memory."""
        span = slice(self.indptr[start], self.indptr[stop])
        indptr = self.indptr[start : stop + 1] - self.indptr[start]
        return SparseBatch(indptr, self.terms[span], self.weights[span], self.n_terms)

    def take(self, rows: Sequence[int]) -> SparseBatch:
        """Return a copy that holds the named rows, in that order."""
        parts = [self.row(row) for row in rows]
        return SparseBatch(
            _indptr([terms.size for terms, _ in parts]),
            np.concatenate([terms for terms, _ in parts] or [self.terms[:0]]),
            np.concatenate([weights for _, weights in parts] or [self.weights[:0]]),
            self.n_terms,
        )

    def with_terms(self, new_ids: NDArray[np.integer], n_terms: int) -> SparseBatch:
        """Rename term ``t`` to ``new_ids[t]``; the names must differ from one another."""
        return SparseBatch.from_arrays(self.indptr, new_ids[self.terms], self.weights, n_terms)

    def to_scipy(self) -> scipy.sparse.csr_array:
        """Return the batch as a SciPy CSR array of shape (n_rows, n_terms).

        Raises:
            MissingDependencyError: SciPy is not installed.
        """
        try:
            import scipy.sparse
        except ImportError:
            raise MissingDependencyError("A SciPy matrix", "eval") from None

        shape = (len(self), self.n_terms)
        return scipy.sparse.csr_array(
            (self.weights, self.terms.astype(np.int64), self.indptr), shape=shape
        )

    @staticmethod
    def concatenate(batches: Sequence[SparseBatch]) -> SparseBatch:
        """Stack batches of one vocabulary on top of each other."""
        if not batches:
            raise InvalidInputError("There is no batch to concatenate.")
        if len(batches) == 1:
            return batches[0]
        sizes = np.concatenate([batch.active_dims for batch in batches])
        return SparseBatch(
            _indptr(sizes),
            np.concatenate([batch.terms for batch in batches]),
            np.concatenate([batch.weights for batch in batches]),
            max(batch.n_terms for batch in batches),
        )

    @staticmethod
    def from_arrays(
        indptr: ArrayLike,
        terms: ArrayLike,
        weights: ArrayLike,
        n_terms: int,
        *,
        place: Callable[[int], str] = "row {}".format,
    ) -> SparseBatch:
        """Check untrusted CSR arrays and return them as a batch.

        Rows are sorted by term and zero weights are dropped.

        Args:
            indptr: shape (n_rows + 1,).
            terms: shape (nnz,), integers.
            weights: shape (nnz,), numbers.
            n_terms: size of the vocabulary.
            place: names a row in messages, such as ``corpus.jsonl:7``.

        Raises:
            InvalidInputError: the arrays do not fit each other, a weight is NaN, infinite or
                negative, a term is outside the vocabulary or occurs twice in a row.
        """
        pointers = np.ascontiguousarray(indptr, dtype=np.int64)
        raw_terms = np.asarray(terms)
        raw_weights = np.asarray(weights)
        _check_shapes(pointers, raw_terms, raw_weights, n_terms)
        if _are_in_order(pointers, raw_terms, raw_weights, n_terms):
            terms_as_stored = raw_terms.astype(np.uint32)
            return SparseBatch(
                pointers, terms_as_stored, raw_weights.astype(np.float32), int(n_terms)
            )
        row_of = np.repeat(np.arange(pointers.size - 1), np.diff(pointers))
        wide = raw_terms.astype(np.int64)
        _refuse(
            (wide < 0) | (wide >= n_terms),
            row_of,
            place,
            lambda at: f"term id {raw_terms[at]} is not between 0 and {n_terms - 1}",
        )
        with np.errstate(over="ignore"):
            narrow = raw_weights.astype(np.float32)
        _refuse(
            ~np.isfinite(narrow) | (narrow < 0),
            row_of,
            place,
            lambda at: (
                f"the weight of term {wide[at]} is {raw_weights[at]}, "
                "but weights must be finite and not negative"
            ),
        )
        kept = narrow > 0
        if not kept.all():
            wide, narrow, row_of = wide[kept], narrow[kept], row_of[kept]
            pointers = _indptr(np.bincount(row_of, minlength=pointers.size - 1))
        key = row_of * np.int64(n_terms) + wide
        if (key[1:] <= key[:-1]).any():
            order = np.argsort(key, kind="stable")
            wide, narrow, row_of, key = wide[order], narrow[order], row_of[order], key[order]
            _refuse(
                np.append(False, key[1:] == key[:-1]) if key.size else key.astype(bool),
                row_of,
                place,
                lambda at: f"term {wide[at]} occurs twice in one vector",
            )
        return SparseBatch(
            pointers, wide.astype(np.uint32), np.ascontiguousarray(narrow), int(n_terms)
        )

    @staticmethod
    def from_rows(rows: Iterable[Iterable[tuple[int, float]]], n_terms: int) -> SparseBatch:
        """Build a batch from rows of (term id, weight) pairs."""
        pairs = [list(row) for row in rows]
        flat = [pair for row in pairs for pair in row]
        return SparseBatch.from_arrays(
            _indptr([len(row) for row in pairs]),
            np.array([term for term, _ in flat], dtype=np.int64),
            np.array([weight for _, weight in flat], dtype=np.float64),
            n_terms,
        )

    @staticmethod
    def from_matrix(matrix: Any, *, place: Callable[[int], str] = "row {}".format) -> SparseBatch:
        """Build a batch from a matrix, one vector a row.

        Args:
            matrix: a SciPy sparse matrix, a torch sparse tensor or a dense array; one dimension
                counts as one row.
            place: how error messages name a row.

        Raises:
            InvalidInputError: it has another number of dimensions, or its values are no weights.
        """
        shape = tuple(matrix.shape)
        if len(shape) not in (1, 2):
            raise InvalidInputError(
                f"A matrix of vectors has 1 or 2 dimensions, but this one is of shape {shape}."
            )
        if hasattr(matrix, "to_sparse_coo"):
            tensor = matrix.detach().to_sparse_coo().coalesce()
            coordinates = tensor.indices().cpu().numpy()
            weights = tensor.values().float().cpu().numpy()
        elif hasattr(matrix, "tocoo"):
            coo = matrix.tocoo()
            coordinates, weights = np.array(coo.coords), coo.data
        else:
            coordinates = np.array(matrix.nonzero())
            weights = matrix[tuple(coordinates)]
        columns = coordinates[-1]
        rows = coordinates[0] if len(shape) == 2 else np.zeros_like(columns)
        order = np.argsort(rows, kind="stable")
        n_rows = shape[0] if len(shape) == 2 else 1
        pointers = _indptr(np.bincount(rows, minlength=n_rows))
        return SparseBatch.from_arrays(
            pointers, columns[order], weights[order], shape[-1], place=place
        )


def batch_of_named_terms(
    rows: Sequence[Mapping[str, float]], *, place: Callable[[int], str] = "row {}".format
) -> tuple[SparseBatch, list[str]]:
    """Number the terms of ``{term: weight}`` rows in order of first use.

    Returns:
        The batch, whose term ids are positions in the returned list of terms.

    Raises:
        InvalidInputError: a weight is not a number, or is NaN, infinite or negative.
    """
    weights = named_weights(rows, place=place)
    terms = list(chain.from_iterable(rows))
    numbers = {term: number for number, term in enumerate(dict.fromkeys(terms))}
    batch = SparseBatch.from_arrays(
        _indptr([len(row) for row in rows]),
        np.fromiter(map(numbers.__getitem__, terms), dtype=np.int64, count=len(terms)),
        weights,
        len(numbers),
        place=place,
    )
    return batch, list(numbers)


def named_weights(
    rows: Sequence[Mapping[str, float]], *, place: Callable[[int], str] = "row {}".format
) -> NDArray[np.float64]:
    """Check untrusted ``{term: weight}`` rows and return their weights, one row after another.

    Raises:
        InvalidInputError: a term is no text, or a weight is not a number, or is NaN, infinite or
            negative.
    """
    try:
        "".join(chain.from_iterable(rows)).encode()
    except (TypeError, UnicodeEncodeError):
        bad = next(term for row in rows for term in row if not _is_text(term))
        raise InvalidInputError(f"The term {bad!r} is not valid text.") from None
    weights = list(chain.from_iterable(row.values() for row in rows))
    if not set(map(type, weights)) <= {int, float} or not _are_weights(weights):
        _refuse_first_weight(rows, place)
    return np.array(weights, dtype=np.float64)


def vocabulary_fingerprint(terms: Sequence[str]) -> str:
    """Return a digest of a vocabulary: equal for equal terms in equal order only."""
    digest = xxhash.xxh3_128()
    for term in terms:
        encoded = term.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(4, "little") + encoded)
    return digest.hexdigest()


def _is_text(term: object) -> bool:
    """Say whether a term is a string without half surrogate pairs."""
    return isinstance(term, str) and not any("\ud800" <= one <= "\udfff" for one in term)


def _are_weights(values: Sequence[Any]) -> bool:
    """Say whether 32-bit floats can hold all values, none below zero."""
    try:
        array = np.array(values, dtype=np.float64)
    except (OverflowError, TypeError, ValueError):
        return False
    # NaN fails both comparisons.
    return array.size == 0 or bool(array.min() >= 0 and array.max() <= MAX_WEIGHT)


def _refuse_first_weight(rows: Sequence[Mapping[str, Any]], place: Callable[[int], str]) -> None:
    """Raise for the first weight that is none; NumPy's numbers are let pass."""
    for number, row in enumerate(rows):
        for term, weight in row.items():
            if isinstance(weight, bool) or not isinstance(weight, (int, float, np.number)):
                raise InvalidInputError(
                    f"{place(number)}: the weight of term {term!r} is {weight!r}, not a number."
                )
            if not _are_weights([weight]):
                raise InvalidInputError(
                    f"{place(number)}: the weight of term {term!r} is {weight}, but weights must "
                    "be finite 32-bit numbers and not negative."
                )


def _indptr(sizes: ArrayLike) -> NDArray[np.int64]:
    counts = np.asarray(sizes, dtype=np.int64)
    pointers = np.zeros(counts.size + 1, dtype=np.int64)
    np.cumsum(counts, out=pointers[1:])
    return pointers


def _check_shapes(
    indptr: NDArray[np.int64], terms: NDArray[Any], weights: NDArray[Any], n_terms: int
) -> None:
    if not 0 <= n_terms <= MAX_TERM_ID + 1:
        raise InvalidInputError(
            f"A vocabulary of {n_terms} terms is outside 0 to {MAX_TERM_ID + 1}."
        )
    if terms.shape != weights.shape or terms.ndim != 1:
        raise InvalidInputError(f"terms has {terms.size} values but weights has {weights.size}.")
    if indptr.ndim != 1 or indptr.size == 0 or indptr[0] != 0 or indptr[-1] != terms.size:
        raise InvalidInputError(f"indptr must run from 0 to {terms.size}, the number of terms.")
    if (np.diff(indptr) < 0).any():
        raise InvalidInputError("indptr must never fall.")
    if terms.size and not np.issubdtype(terms.dtype, np.integer):
        raise InvalidInputError(f"terms must be integers, not {terms.dtype}.")
    if weights.size and not np.issubdtype(weights.dtype, np.number):
        raise InvalidInputError(f"weights must be numbers, not {weights.dtype}.")


def _are_in_order(
    indptr: NDArray[np.int64], terms: NDArray[Any], weights: NDArray[Any], n_terms: int
) -> bool:
    """Say whether rows that share out `terms` need no change: most files hold such rows.

    Several times as fast as looking for what is wrong, and in a fraction of the memory.
    """
    if terms.size == 0:
        return True
    # NaN fails every comparison. A weight that is above zero may still round to it.
    if not (weights.min() >= np.finfo(np.float32).tiny) or not weights.max() < MAX_WEIGHT:
        return False
    if terms.min() < 0 or terms.max() >= n_terms:
        return False
    is_rising = terms[1:] > terms[:-1]
    starts = indptr[1:-1]
    is_rising[starts[(starts > 0) & (starts < terms.size)] - 1] = True
    return bool(is_rising.all())


def _refuse(
    wrong: NDArray[np.bool_],
    row_of: NDArray[np.int64],
    place: Callable[[int], str],
    message: Callable[[int], str],
) -> None:
    """Raise for the first position where `wrong` is true."""
    if wrong.any():
        at = int(np.argmax(wrong))
        raise InvalidInputError(f"{place(int(row_of[at]))}: {message(at)}.")
