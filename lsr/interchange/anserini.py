"""How does Anserini get an index? As a JsonVectorCollection, and queries that repeat their terms.

    collection/documents.jsonl    {"id": ..., "contents": ..., "vector": {term: value, ...}}
    queries.tsv                   id, tab, terms

Anserini reads every file of ``collection``. It splits queries at white space, cuts words at 255
characters, and counts how often each occurs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from lsr.index.storage import make_folder
from lsr.interchange.folder import new_file
from lsr.interchange.formats import ExportFormat, NamedQueries, term_of_a_word
from lsr.interchange.source import Source
from lsr.interchange.values import Holds, repeated_terms

MAX_TERM_CHARACTERS = 255


def query_lines(source: Source, queries: NamedQueries) -> Iterator[tuple[str, str]]:
    """Yield the id of each query and its terms, each as often as its weight says.

    Queries without terms are left out: a line without them breaks Anserini's reader.

    Raises:
        InvalidInputError: a query would be too long, or has a term that is no word.
    """
    assert queries.integers is not None, "the format asks for whole numbers"
    for row, query_id in enumerate(queries.query_ids):
        terms, _ = queries.vectors.row(row)
        if not terms.size:
            continue
        span = slice(queries.vectors.indptr[row], queries.vectors.indptr[row + 1])
        names = [source.names[term] for term in terms.tolist()]
        for name in names:
            source.refuse_term(name, f"The query {query_id!r}")
        yield query_id, repeated_terms(names, queries.integers[span], query_id)


def _write(source: Source, folder: Path) -> None:
    make_folder(folder / "collection")
    encode = msgspec.json.Encoder().encode
    with new_file(folder / "collection" / "documents.jsonl") as file:
        for document, terms, values in source.documents():
            vector = {source.names[term]: value for term, value in zip(terms, values, strict=True)}
            line = {"id": document.doc_id, "contents": document.full_text, "vector": vector}
            file.write(encode(line) + b"\n")


def _write_queries(source: Source, queries: NamedQueries, folder: Path) -> None:
    with new_file(folder / "queries.tsv") as file:
        for query_id, terms in query_lines(source, queries):
            file.write(f"{query_id}\t{terms}\n".encode())


def _term_problem(name: str) -> str | None:
    if len(name.encode("utf-16-le")) // 2 > MAX_TERM_CHARACTERS:
        return f"its words have at most {MAX_TERM_CHARACTERS} characters"
    return term_of_a_word(name)


ANSERINI = ExportFormat(
    "anserini",
    "Anserini",
    Holds.INTEGERS,
    _write,
    term_problem=_term_problem,
    write_queries=_write_queries,
    whole_queries=True,
)
