"""How does PISA get an index? As its uncompressed inverted index, laid out as pyterrier-pisa does.

    inv.docs                  [1, documents], then of each term [length, document numbers ...]
    inv.freqs                 of each term [length, values ...]
    inv.sizes                 [documents, length of each document ...]
    fwd.documents, fwd.terms  names, a line each; terms rise
    fwd.doclex, fwd.termlex   the same: count, offsets of 64 bits, all names end to end
    pt_meta.json              tells pyterrier-pisa that terms are not stemmed
    queries.txt               id, colon, terms

All numbers are 32-bit, little-endian. Source: PISA's documentation, "Inverted index" and "Lookup
table", and the files of pyterrier-pisa 0.4.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from lsr.errors import InvalidInputError
from lsr.index.storage import NewFile
from lsr.interchange.anserini import query_lines
from lsr.interchange.folder import new_file
from lsr.interchange.formats import ExportFormat, NamedQueries, term_of_a_word
from lsr.interchange.source import Source
from lsr.interchange.values import Holds

META = {
    "type": "sparse_index",
    "format": "pisa",
    "package_hint": "pyterrier-pisa",
    "stemmer": "none",
}


def _write(source: Source, folder: Path) -> None:
    statistics = source.statistics()
    names = []
    with new_file(folder / "inv.docs") as docs, new_file(folder / "inv.freqs") as freqs:
        _write_sequence(docs, [source.n_docs])
        for name, one in source.posting_lists(statistics.list_sizes):
            names.append(name)
            _write_sequence(docs, one.doc_numbers)
            _write_sequence(freqs, one.values)
    with new_file(folder / "inv.sizes") as sizes:
        _write_sequence(sizes, statistics.doc_lengths)
    _write_names(folder, "documents", "doclex", source.doc_ids())
    _write_names(folder, "terms", "termlex", names)
    with new_file(folder / "pt_meta.json") as meta:
        meta.write(msgspec.json.encode(META))
    source.progress(source.n_docs)


def _write_sequence(file: NewFile, numbers: ArrayLike) -> None:
    values = np.asarray(numbers)
    file.write(np.append(values.size, values).astype("<u4").tobytes())


def _write_names(folder: Path, lines: str, lexicon: str, names: Iterable[str]) -> None:
    ends = [0]
    with new_file(folder / f"fwd.{lines}") as file:
        for name in names:
            encoded = name.encode()
            file.write(encoded + b"\n")
            ends.append(ends[-1] + len(encoded))
    with new_file(folder / f"fwd.{lexicon}") as file:
        file.write(np.array([len(ends) - 1, *ends], dtype="<u8").tobytes())
        with (folder / f"fwd.{lines}").open("rb") as written:
            for line in written:
                file.write(line.removesuffix(b"\n"))


def _write_queries(source: Source, queries: NamedQueries, folder: Path) -> None:
    with new_file(folder / "queries.txt") as file:
        for query_id, terms in query_lines(source, queries):
            if ":" in query_id:
                raise InvalidInputError(
                    f"The query id {query_id!r} holds a colon, which ends an id in a query file of "
                    "PISA; rename it."
                )
            file.write(f"{query_id}:{terms}\n".encode())


PISA = ExportFormat(
    "pisa",
    "PISA",
    Holds.INTEGERS,
    _write,
    term_problem=term_of_a_word,
    write_queries=_write_queries,
    whole_queries=True,
)
