"""Which documents cannot be added because their id is taken, and what does one say of them?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lsr.documents import Document
from lsr.errors import DuplicateIdError


class Holder(NamedTuple):
    """The document that has an id already.

    Attributes:
        is_new: whether it came since the last commit, so that nobody means to replace it.
        place: where it was read, if that is known.
    """

    is_new: bool
    place: str = ""


def duplicate_errors(
    documents: Sequence[Document],
    hashes: NDArray[np.uint64],
    taken: Mapping[int, Holder],
    *,
    update: bool,
) -> list[tuple[int, DuplicateIdError]]:
    """Return the rows that cannot be added, with the errors that say why.

    Args:
        documents: documents to be added.
        hashes: of their ids.
        taken: what has the ids of rows that are taken.
        update: let pass the ids of committed documents, which are to be replaced.
    """
    errors = []
    places: dict[str, str] = {}
    for row in sorted(taken.keys() | _repeated(hashes)):
        doc_id, place = documents[row].doc_id, documents[row].place or f"document {row}"
        holder = taken.get(row)
        first = places.get(doc_id)
        if holder and holder.is_new:
            first = holder.place or "an earlier document"
        if first is not None:
            message = f"occurs twice, first at {first}; ids must be unique."
        elif holder and not update:
            message = (
                "is in the index already; replace it with --update, or leave the document out with "
                "--on-error skip."
            )
        else:
            places[doc_id] = place
            continue
        errors.append((row, DuplicateIdError(f"{place}: the id {doc_id!r} {message}")))
    return errors


def _repeated(hashes: NDArray[np.uint64]) -> set[int]:
    """Return the rows whose hash occurs more than once."""
    order = np.argsort(hashes, kind="stable")
    is_repeated = hashes[order[1:]] == hashes[order[:-1]]
    return {*order[1:][is_repeated].tolist(), *order[:-1][is_repeated].tolist()}
