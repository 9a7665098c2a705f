"""How are query weights stored? As a table that other libraries read too, and where it comes from.

``idf.json`` is one object ``{token: weight}`` over every token of the vocabulary in the order of
ids, special ones included, so that a reader has nothing to guess. A key that is no token would
break such readers; what was counted therefore stands in ``idf.counts.json`` beside it. Document
frequencies are kept there as they are, because the weights alone do not tell an unseen token from
one that happens to weigh the same, and tables are merged by adding frequencies.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
import numpy as np

from lsr.encoders.idf import TermCounts
from lsr.encoders.json_file import write_whole
from lsr.encoders.query_table import read_named_weights
from lsr.errors import InvalidInputError
from lsr.sparse import vocabulary_fingerprint

FORMAT: Final = "lsr document frequencies"
FORMULA = "ln(1 + (n_docs - df + 1/2) / (df + 1/2))"

_Count = Annotated[int, msgspec.Meta(ge=0)]


class _Provenance(msgspec.Struct, forbid_unknown_fields=True):
    format: Literal["lsr document frequencies"]
    version: Literal[1]
    formula: str
    unseen: Annotated[float, msgspec.Meta(ge=0)] | Literal["formula"]
    model: str
    vocabulary: str
    corpora: list[str]
    n_docs: Annotated[int, msgspec.Meta(ge=1)]
    n_empty: _Count
    special: list[str]
    document_frequencies: dict[str, _Count]


def counts_file(table: Path) -> Path:
    """Return where the counts behind a table stand: beside it."""
    return table.with_suffix(".counts.json")


def write_idf(table: Path, counts: TermCounts, unseen: float | None = None) -> None:
    """Write a table and its counts; each file appears whole, or stays what it was.

    Args:
        table: ends in ``.json``.
        counts: what was counted.
        unseen: see `TermCounts.weights`; recorded beside the counts.

    Raises:
        InvalidInputError: there is no weight to write, or the file cannot be written.
        DiskFullError: the disk is full.
    """
    # The shortest decimals that are read back as the same 32-bit floats.
    weights = map(float, counts.weights(unseen).astype(str).tolist())
    provenance = _Provenance(
        format=FORMAT,
        version=1,
        formula=FORMULA,
        unseen="formula" if unseen is None else unseen,
        model=counts.model,
        vocabulary=counts.fingerprint,
        corpora=list(counts.corpora),
        n_docs=counts.n_docs,
        n_empty=counts.n_empty,
        special=sorted(counts.special),
        document_frequencies=dict(
            zip(counts.tokens, counts.document_frequencies.tolist(), strict=True)
        ),
    )
    named = dict(zip(counts.tokens, weights, strict=True))
    # The table last: what reads it finds its counts.
    write_whole(
        {counts_file(table): msgspec.to_builtins(provenance), table: named},
    )


def read_idf(table: Path) -> tuple[TermCounts, float | None]:
    """Return the counts behind a table, and the weight of unseen tokens (None for the formula's).

    Raises:
        InvalidInputError: the table has no counts beside it, or they are damaged or of another
            table.
        UnsupportedModelError: the table itself is damaged.
    """
    file = counts_file(table)
    named = read_named_weights(table)
    if not file.is_file():
        raise InvalidInputError(
            f"{table} has no {file.name} beside it, which says what was counted; only tables of "
            "lsr idf build have one."
        )
    try:
        found = msgspec.json.decode(file.read_bytes(), type=_Provenance)
    except (msgspec.MsgspecError, UnicodeDecodeError, OSError) as error:
        raise InvalidInputError(
            f"{file} cannot be read ({error}); build the table again."
        ) from error
    frequencies = found.document_frequencies
    counts = TermCounts(
        model=found.model,
        corpora=tuple(found.corpora),
        tokens=tuple(frequencies),
        special=frozenset(found.special),
        document_frequencies=np.array(list(frequencies.values()), np.int64),
        n_docs=found.n_docs,
        n_empty=found.n_empty,
    )
    unseen = None if found.unseen == "formula" else found.unseen
    _check_counts(file, counts, found.vocabulary)
    _check_belonging(table, named, counts, unseen)
    return counts, unseen


def _check_counts(file: Path, counts: TermCounts, fingerprint: str) -> None:
    above = np.flatnonzero(counts.document_frequencies > counts.n_docs)
    if above.size:
        raise InvalidInputError(
            f"{file} says that {counts.tokens[above[0]]!r} occurs in more documents than there "
            f"are ({counts.n_docs:,}); build the table again."
        )
    if vocabulary_fingerprint(counts.tokens) != fingerprint:
        raise InvalidInputError(
            f"{file} names other tokens than it was written with; build the table again."
        )


def _check_belonging(
    table: Path, named: dict[str, float], counts: TermCounts, unseen: float | None
) -> None:
    """Refuse a table that was changed, or replaced without its counts."""
    weights = np.array([named.get(token, np.nan) for token in counts.tokens], np.float64)
    # The logarithm of another machine may end in another digit.
    if len(named) != len(counts.tokens) or not np.allclose(
        weights, counts.weights(unseen), rtol=1e-6, atol=0
    ):
        raise InvalidInputError(
            f"{table} and {counts_file(table).name} do not belong together: the weights are not "
            "those of the counts; build the table again."
        )
