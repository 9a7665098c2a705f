"""How does an index become files of another tool? Documents, queries, and a record of both.

The record, ``lsr-export.json``, says how the numbers of the files become weights and scores again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

import lsr
from lsr.corpus import read_queries
from lsr.errors import ConfigError
from lsr.interchange.folder import RECORD_NAME, new_export, new_file
from lsr.interchange.formats import ExportFormat, NamedQueries
from lsr.interchange.registry import FORMATS
from lsr.interchange.source import Source
from lsr.interchange.values import ValueCode, rounded, scale_of_queries
from lsr.retrieval import Index


class QueryRecord(msgspec.Struct, frozen=True):
    """What was done to queries.

    Attributes:
        n_queries: how many there are.
        n_without_terms: those that share no term with the index, which finds nothing for them; a
            file that repeats terms leaves them out.
        scale: what their weights were multiplied by before they were rounded; None where they are
            as they were.
    """

    n_queries: int
    n_without_terms: int
    scale: float | None


class ExportRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What an export holds, and how its numbers are to be read.

    Attributes:
        format: its name.
        lsr_version: of this library.
        index: the index it was made of: path, commit, vocabulary, encoder, pruning, and the size of
            the dense rows that its documents have beside their sparse vectors, which stay behind.
        n_docs: documents.
        n_postings: pairs of a document and a term.
        values: ``impacts`` or ``weights`` as the index holds them, or ``rounded weights``.
        step: weight of one unit: weight = value * step.
        scale: what weights were multiplied by before they were rounded.
        queries: those that were written too.
        score: how scores of the other tool become scores of this one.
    """

    format: str
    lsr_version: str
    index: dict[str, Any]
    n_docs: int
    n_postings: int
    values: str
    step: float
    scale: float | None
    queries: QueryRecord | None
    score: str


def export_index(
    index: Index,
    name: str,
    path: str | Path,
    *,
    queries: str | Path | None = None,
    scale: float | None = None,
    query_scale: float | None = None,
    replace: bool = False,
    progress: Callable[[int], None] = lambda n_docs: None,
) -> ExportRecord:
    """Write an index, without its deleted documents, for another tool.

    Args:
        index: what to export.
        name: the format, one of `FORMATS`.
        path: the folder to make.
        queries: a file of queries to write as well, as `read_queries` takes it.
        scale: of an index of float32 weights, what to multiply them by before they are rounded;
            by default they stay as they are.
        query_scale: the same for queries, where the format needs whole numbers.
        replace: take the place of an export that is at `path`.
        progress: told of documents as they are written.

    Raises:
        ConfigError: there is no such format, or it needs a scale, or has no use for a setting.
        InvalidInputError: the tool cannot hold a term, a weight or an id, or something is in the
            way at `path`.
    """
    chosen = _chosen(name)
    searcher = index.searcher
    code = ValueCode.of(searcher.manifest, chosen.tool, chosen.holds, scale)
    source = Source(searcher, code, chosen.tool, chosen.holds, chosen.term_problem, progress)
    named = _named_queries(index, chosen, queries, query_scale)
    with new_export(Path(path), replace=replace) as folder:
        # Queries first: they are few, and what is wrong with them is found at once.
        if named and chosen.write_queries:
            chosen.write_queries(source, named[0], folder)
        chosen.write(source, folder)
        record = _record(index, chosen, source, named[1] if named else None)
        with new_file(folder / RECORD_NAME) as file:
            file.write(msgspec.json.format(msgspec.json.encode(record)) + b"\n")
    return record


def _chosen(name: str) -> ExportFormat:
    if name not in FORMATS:
        raise ConfigError(f"There is no format {name!r}; choose one of {', '.join(FORMATS)}.")
    return FORMATS[name]


def _named_queries(
    index: Index, chosen: ExportFormat, queries: str | Path | None, scale: float | None
) -> tuple[NamedQueries, QueryRecord] | None:
    if queries is None or chosen.write_queries is None:
        if queries is not None:
            able = ", ".join(one.name for one in FORMATS.values() if one.write_queries)
            raise ConfigError(
                f"{chosen.tool} takes no file of queries; --queries goes with {able}."
            )
        if scale is not None:
            raise ConfigError("--query-scale is for queries; name their file with --queries.")
        return None
    batch = read_queries(queries)
    vectors = index.vectors_of(batch)
    n_without = int((vectors.active_dims == 0).sum())
    if chosen.whole_queries:
        scale = scale_of_queries(vectors, scale)
    elif scale is not None:
        raise ConfigError(
            f"{chosen.tool} takes the weights of queries as they are; leave --query-scale out."
        )
    integers = None if scale is None else rounded(vectors.weights, scale)
    named = NamedQueries(batch.query_ids, vectors, integers)
    return named, QueryRecord(len(vectors), n_without, scale)


def _record(
    index: Index, chosen: ExportFormat, source: Source, queries: QueryRecord | None
) -> ExportRecord:
    facts, manifest = index.info(), source.searcher.manifest
    kept = ("path", "commit", "vocabulary", "vocabulary_fingerprint", "encoder", "prune")
    factor = source.code.step / (queries.scale if queries and queries.scale else 1.0)
    return ExportRecord(
        format=chosen.name,
        lsr_version=lsr.__version__,
        index={**{name: facts[name] for name in kept}, "dense_size": manifest.dense_size},
        n_docs=source.n_docs,
        n_postings=source.n_postings,
        values=source.code.kind,
        step=source.code.step,
        scale=source.code.scale,
        queries=queries,
        score=f"sum over terms of query value * document value * {factor!r}",
    )
