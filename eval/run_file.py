"""How do rankings reach other tools? As TREC runs that keep our order for every reader.

A line is ``qid Q0 docid rank score tag``. trec_eval, and pytrec_eval with it, ignores the rank: it
reads the score as a 32-bit float, sorts, and breaks ties by doc_id, later names first. So the
scores written here fall strictly inside a query even as 32-bit floats: a score that would tie with
the one above it becomes the next float below.
"""

from __future__ import annotations

import gzip
import logging
import math
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lsr.errors import DISK_FULL_ERRNOS, DiskFullError, InvalidInputError
from lsr.eval.text_lines import read_lines

logger = logging.getLogger(__name__)

Run = Mapping[str, Sequence[tuple[str, float]]]
"""{query_id: [(doc_id, score), ...]}, the hits of each query best first."""

Ranking = tuple[str, Sequence[tuple[str, float]]]
"""A query's id and its hits, best first."""

_LARGEST = float(np.finfo(np.float32).max)
_SIGN = np.int64(0x80000000)


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
    """Read a TREC run, plain or ``.gz``, hits in the order in which trec_eval sees them.

    The rank column is ignored, as trec_eval ignores it. Rows out of order are sorted by score and
    a warning is logged.

    Raises:
        InvalidInputError: the file cannot be read or is empty, a line has not six columns, a score
            is not a finite number, or a document occurs twice for one query.
    """
    path = Path(path)
    run: dict[str, dict[str, float]] = {}
    for number, line in read_lines(path):
        fields = line.split()
        if len(fields) != 6:
            raise InvalidInputError(
                f"{path}:{number}: found {len(fields)} columns; "
                "expected the six of a TREC run: qid Q0 docid rank score tag."
            )
        query_id, _, doc_id, _, raw_score, _ = fields
        hits = run.setdefault(query_id, {})
        if doc_id in hits:
            raise InvalidInputError(
                f"{path}:{number}: document {doc_id!r} occurs twice for query {query_id!r}."
            )
        hits[doc_id] = _score(raw_score, f"{path}:{number}")
    if not run:
        raise InvalidInputError(f"{path} holds no hits.")
    n_unsorted = sum((np.diff(list(hits.values())) > 0).any() for hits in run.values())
    if n_unsorted:
        logger.warning(
            "%s: the scores of %d queries rise somewhere; hits are ranked by score, as trec_eval "
            "does.",
            path,
            n_unsorted,
        )
    return {query_id: _as_trec_eval_ranks(hits) for query_id, hits in run.items()}


def write_run(path: str | Path, run: Run | Iterable[Ranking], tag: str = "lsr") -> None:
    """Write a TREC run, gzipped if the name ends in ``.gz``, replacing what was there at once.

    Args:
        path: the file.
        run: all rankings, or a stream of them that is made while it is written.
        tag: name of the run.

    Raises:
        InvalidInputError: an id or the tag holds white space, a ranking's scores rise, or the file
            cannot be written.
        DiskFullError: no space is left; what was at `path` is untouched.
    """
    # The file behind a link is replaced, not the link; what lies in /dev is nobody's to replace.
    is_device = Path(path).absolute().is_relative_to("/dev")
    path = Path(path).resolve()
    if is_device or (path.exists() and not path.is_file()):
        raise InvalidInputError(f"{path} is not a regular file; name another file for the run.")
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    rankings = run.items() if isinstance(run, Mapping) else run
    try:
        with draft.open("wb") as file:
            if path.suffix == ".gz":
                with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as zipped:
                    zipped.writelines(_lines(rankings, tag))
            else:
                file.writelines(_lines(rankings, tag))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        if error.errno in DISK_FULL_ERRNOS:
            free = shutil.disk_usage(path.parent).free
            raise DiskFullError(
                f"The disk, or a limit on it, is full: {path} could not be written; {free:,} bytes "
                "are free there. Free some space and run the command again."
            ) from error
        raise InvalidInputError(f"{path} could not be written: {error.strerror}.") from error
    finally:
        draft.unlink(missing_ok=True)


def _lines(rankings: Iterable[Ranking], tag: str) -> Iterator[bytes]:
    _refuse_white_space(tag, "tag")
    for query_id, hits in rankings:
        _refuse_white_space(query_id, "query id")
        # NumPy prints the shortest decimal that reads back as the same 32-bit float.
        scores = falling_scores([score for _, score in hits]).astype(str)
        for rank, ((doc_id, _), score) in enumerate(zip(hits, scores, strict=True), 1):
            _refuse_white_space(doc_id, "document id")
            yield f"{query_id} Q0 {doc_id} {rank} {score} {tag}\n".encode()


def _refuse_white_space(name: str, kind: str) -> None:
    if name.split() != [name]:
        raise InvalidInputError(
            f"The {kind} {name!r} is empty or holds white space, which a TREC run cannot carry."
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
