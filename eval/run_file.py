"""How do rankings reach other tools? As files that keep our order for every reader.

A line of a TREC run is ``qid Q0 docid rank score tag``. trec_eval, and pytrec_eval with it, ignores
the rank: it reads the score as a 32-bit float, sorts, and breaks ties by doc_id, later names first.
So the scores written here fall strictly inside a query even as 32-bit floats: a score that would
tie with the one above it becomes the next float below.

A line of an MS MARCO run is ``qid docid rank``, separated by tabs. It has ranks alone, from 1, so
its scores are 1 / rank when it is read.
"""

from __future__ import annotations

import gzip
import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lsr.errors import InvalidInputError
from lsr.eval.output_file import replacing
from lsr.eval.text_lines import read_lines

logger = logging.getLogger(__name__)

Run = Mapping[str, Sequence[tuple[str, float]]]
"""{query_id: [(doc_id, score), ...]}, the hits of each query best first."""

Ranking = tuple[str, Sequence[tuple[str, float]]]
"""A query's id and its hits, best first."""

_LARGEST = float(np.finfo(np.float32).max)
_SIGN = np.int64(0x80000000)
_N_TREC_COLUMNS = 6
_N_MSMARCO_COLUMNS = 3
_MSMARCO_SUFFIXES = (".tsv", ".tsv.gz")


def falling_scores(scores: ArrayLike) -> NDArray[np.float32]:
    """Return the scores of a ranking as 32-bit floats that fall strictly.

    Args:
        scores: shape (n_hits,), finite, never rising.

    Raises:
        InvalidInputError: a score rises, or does not fit a 32-bit float.
    """
    exact = np.asarray(scores, dtype=np.float64)
    with np.errstate(over="ignore"):
        narrow = exact.astype(np.float32)
    if not np.isfinite(narrow).all():
        raise InvalidInputError("A score is NaN, infinite or too large for a 32-bit float.")
    if (exact[1:] > exact[:-1]).any():
        raise InvalidInputError("The scores of a ranking must never rise.")
    # Read as integers, floats of one sign are in order and neighbours are one apart. Every score
    # then is at most its own integer and at most one below the score above it: a running minimum.
    bits = narrow.view(np.uint32).astype(np.int64)
    keys = np.where(bits < _SIGN, bits, _SIGN - bits)
    place = np.arange(keys.size)
    keys = np.minimum.accumulate(keys + place) - place
    return np.where(keys >= 0, keys, _SIGN - keys).astype(np.uint32).view(np.float32)


def read_run(path: str | Path) -> dict[str, list[tuple[str, float]]]:
    """Read a TREC or MS MARCO run, plain or ``.gz``, in the order in which trec_eval sees the hits.

    The first line tells the two apart. The rank of a TREC run is ignored, as trec_eval ignores it.
    A warning is logged where that changes the order of the file.

    Raises:
        InvalidInputError: the file cannot be read or is empty, a line has neither the six columns
            of a TREC run nor the three of MS MARCO, a score is not a finite number, a rank is not a
            whole number above 0 or is given twice, or a document occurs twice for one query.
    """
    path = Path(path)
    run: dict[str, dict[str, float]] = {}
    n_columns = 0
    for number, line in read_lines(path):
        fields = line.split()
        n_columns = n_columns or len(fields)
        query_id, doc_id, score = _hit(fields, n_columns, f"{path}:{number}")
        hits = run.setdefault(query_id, {})
        if doc_id in hits:
            raise InvalidInputError(
                f"{path}:{number}: document {doc_id!r} occurs twice for query {query_id!r}."
            )
        hits[doc_id] = score
    if not run:
        raise InvalidInputError(f"{path} holds no hits.")
    if n_columns == _N_MSMARCO_COLUMNS:
        _refuse_shared_ranks(run, path)
    n_unsorted = sum((np.diff(list(hits.values())) > 0).any() for hits in run.values())
    if n_unsorted:
        logger.warning(
            "%s: the scores of %d queries rise somewhere; hits are ranked by score, as trec_eval "
            "does.",
            path,
            n_unsorted,
        )
    ranked = {query_id: _as_trec_eval_ranks(hits) for query_id, hits in run.items()}
    n_tied = sum(
        list(run[query_id]) != [one for one, _ in hits] for query_id, hits in ranked.items()
    )
    if n_tied > n_unsorted:
        logger.warning(
            "%s: scores of %d queries tie; trec_eval ranks such hits by doc_id, later names first, "
            "and not as the file does, and so they are ranked here.",
            path,
            n_tied - n_unsorted,
        )
    return ranked


def write_run(path: str | Path, run: Run | Iterable[Ranking], tag: str = "lsr") -> None:
    """Write a run, gzipped if the name ends in ``.gz``, replacing what was there at once.

    Args:
        path: the file; an MS MARCO run if it is named ``.tsv`` or ``.tsv.gz``, else a TREC run.
        run: all rankings, or a stream of them that is made while it is written.
        tag: name of a TREC run.

    Raises:
        InvalidInputError: an id or the tag holds white space, a ranking's scores rise, or the file
            cannot be written.
        DiskFullError: no space is left; what was at `path` is untouched.
    """
    path = Path(path)
    rankings = run.items() if isinstance(run, Mapping) else run
    lines = _lines(rankings, None if path.name.endswith(_MSMARCO_SUFFIXES) else tag)
    with replacing(path, "run") as file:
        if path.suffix == ".gz":
            with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as zipped:
                zipped.writelines(lines)
        else:
            file.writelines(lines)


def _lines(rankings: Iterable[Ranking], tag: str | None) -> Iterator[bytes]:
    """Yield the lines of a TREC run, or of an MS MARCO run where there is no tag."""
    if tag is not None:
        _refuse_white_space(tag, "tag")
    for query_id, hits in rankings:
        _refuse_white_space(query_id, "query id")
        # NumPy prints the shortest decimal that reads back as the same 32-bit float.
        scores = falling_scores([score for _, score in hits]).astype(str)
        for rank, ((doc_id, _), score) in enumerate(zip(hits, scores, strict=True), 1):
            _refuse_white_space(doc_id, "document id")
            if tag is None:
                yield f"{query_id}\t{doc_id}\t{rank}\n".encode()
            else:
                yield f"{query_id} Q0 {doc_id} {rank} {score} {tag}\n".encode()


def _refuse_white_space(name: str, kind: str) -> None:
    if name.split() != [name]:
        raise InvalidInputError(
            f"The {kind} {name!r} is empty or holds white space, which a run cannot carry."
        )


def _hit(fields: Sequence[str], n_columns: int, place: str) -> tuple[str, str, float]:
    """Read a line of as many columns as the first line of the file has."""
    if len(fields) == n_columns == _N_TREC_COLUMNS:
        query_id, _, doc_id, _, score, _ = fields
        return query_id, doc_id, _score(score, place)
    if len(fields) == n_columns == _N_MSMARCO_COLUMNS:
        query_id, doc_id, rank = fields
        return query_id, doc_id, 1 / _rank(rank, place)
    expected = {
        _N_TREC_COLUMNS: "the six of a TREC run: qid Q0 docid rank score tag",
        _N_MSMARCO_COLUMNS: "the three of an MS MARCO run: qid docid rank",
    }
    raise InvalidInputError(
        f"{place}: found {len(fields)} columns; expected "
        f"{expected.get(n_columns) or ', or '.join(expected.values())}. Ids hold no white space."
    )


def _rank(text: str, place: str) -> int:
    if not text.isascii() or not text.isdecimal() or not int(text):
        raise InvalidInputError(
            f"{place}: the rank is {text!r}, but it must be a whole number from 1."
        )
    return int(text)


def _refuse_shared_ranks(run: Mapping[str, Mapping[str, float]], path: Path) -> None:
    for query_id, hits in run.items():
        if len(set(hits.values())) < len(hits):
            raise InvalidInputError(
                f"{path}: two documents of query {query_id!r} have the same rank, so nobody knows "
                "which comes first; give each its own."
            )


def _score(text: str, place: str) -> float:
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if not abs(score) <= _LARGEST:  # also refuses NaN
        raise InvalidInputError(
            f"{place}: the score is {text!r}, but it must be a number that fits a 32-bit float."
        )
    return score


def _as_trec_eval_ranks(hits: Mapping[str, float]) -> list[tuple[str, float]]:
    narrow = np.array(list(hits.values())).astype(np.float32).tolist()
    ranked = sorted(zip(narrow, hits, strict=True), reverse=True)
    return [(doc_id, score) for score, doc_id in ranked]
