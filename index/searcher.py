"""Which documents score highest? A frozen view over one commit answers, segment by segment."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import accumulate, repeat
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lsr.documents import Document
from lsr.errors import CorruptIndexError, InvalidInputError
from lsr.index.approximation import EXACT, Approximation
from lsr.index.array_file import open_arrays
from lsr.index.dense_half import checked_dense_rows
from lsr.index.filters import Filter
from lsr.index.impact_coder import WeightType
from lsr.index.manifest import SEGMENT_FOLDER, Manifest, SegmentEntry, read_manifest
from lsr.index.quantization import ImpactQuantizer, quantize_query
from lsr.index.segment import Segment, open_segment, reopen_segment
from lsr.index.segment_search import SegmentSearch
from lsr.index.single_question import answer, is_answered_sooner
from lsr.index.string_table import StringTable
from lsr.index.vocabulary import Vocabulary
from lsr.kernels.algorithm import Algorithm
from lsr.pruning import prune
from lsr.sparse import SparseBatch

Opened = TypeVar("Opened")

CHUNK_QUERIES = 16
"""Queries that one call of a kernel answers: threads share them out, and Ctrl-C waits for one."""


CHUNK_DENSE = 64
"""Queries multiplied at once: enough for BLAS not to wait for memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Rankings:
    """The best documents of each query, best first; ties by lower document number.

    Attributes:
        doc_numbers: shape (n_queries, k), -1 where a query has fewer hits.
        scores: shape (n_queries, k), 0 where a query has fewer hits.
        missing: names of shards that have not answered, whose documents are not among the hits.
    """

    doc_numbers: NDArray[np.int64]
    scores: NDArray[np.float64]
    missing: tuple[str, ...] = field(default=(), kw_only=True)

    def hits(self, query: int) -> list[tuple[int, float]]:
        """Return the (document number, score) pairs of one query."""
        numbers = self.doc_numbers[query].tolist()
        hits = list(zip(numbers, self.scores[query].tolist(), strict=True))
        return hits if numbers[-1] >= 0 else hits[: numbers.index(-1)]


class Searcher:
    """A snapshot of an index: later commits do not change it.

    Args:
        path: folder of the index.
        manifest: the commit to open.
        verify: compare bytes with their checksums before they are first used.
        before: an earlier snapshot, which shares what both have in common: open files, checked
            bytes, and what searches have prepared.

    Raises:
        CorruptIndexError: a file is missing or damaged.
    """

    def __init__(
        self,
        path: Path,
        manifest: Manifest,
        *,
        verify: bool = True,
        before: Searcher | None = None,
    ) -> None:
        self.manifest = manifest
        is_same = before and before.manifest.vocabulary == manifest.vocabulary
        self.vocabulary: Vocabulary = (
            before.vocabulary
            if before and is_same
            else read_vocabulary(path, manifest, verify=verify)
        )
        known = {one.segment.entry.name: one for one in before._searches} if before else {}
        self._searches: list[SegmentSearch] = []
        first = 0
        for entry in manifest.segments:
            search = _search_of(path, entry, first, known.get(entry.name), manifest, verify)
            self._searches.append(search)
            first += entry.n_docs
        self.segments = [search.segment for search in self._searches]
        self._first_docs = [0, *accumulate(segment.n_docs for segment in self.segments)]
        self._quantizer = ImpactQuantizer(manifest.max_weight or 1.0)
        self._is_float = manifest.weights is WeightType.FLOAT32

    @staticmethod
    def open(path: Path, *, verify: bool = True, before: Searcher | None = None) -> Searcher:
        """Open the last commit of the index at `path`; see `Searcher`."""
        return open_last_commit(
            path, lambda manifest: Searcher(path, manifest, verify=verify, before=before)
        )

    def reopened(self, path: Path) -> Searcher:
        """Return the last commit, sharing what it has in common with this one."""
        return Searcher.open(path, before=self)

    @property
    def n_docs(self) -> int:
        """Documents in the snapshot that are not deleted."""
        return self._first_docs[-1] - sum(one.entry.n_deleted for one in self.segments)

    @property
    def n_postings(self) -> int:
        """Postings in the snapshot."""
        return sum(segment.entry.n_postings for segment in self.segments)

    def search_batch(
        self,
        queries: SparseBatch,
        k: int,
        threads: int = 1,
        *,
        where: Filter | None = None,
        approximation: Approximation = EXACT,
        algorithm: Algorithm = Algorithm.AUTO,
        once: bool = False,
        stops: NDArray[np.uint8] | None = None,
        floors: NDArray[np.float64] | None = None,
    ) -> Rankings:
        """Return the best `k` documents of every query: the exact best, unless told otherwise.

        Scores are sums of query weight times stored impact, with query weights rounded to 16 bits
        (`quantize_queries`); in an index of float32 weights they are float32 sums in the order of
        the terms. Documents without any query term are left out.

        Args:
            queries: one vector a query, in the index's vocabulary.
            k: at least 1.
            threads: queries scored at the same time.
            where: documents to search, by their declared fields; None for all.
            approximation: what may be given up for speed.
            algorithm: how to search; all find the same.
            once: no search comes after this one, so kernels are loaded only if that is sooner
                than to do without (`single_question`); it changes nothing else.
            stops: shape (n_queries,), 0; another thread that sets a value ends the search for that
                query early, whose hits then mean nothing.
            floors: shape (n_queries,), a score that `k` documents of another part of the index
                reach, see `lsr.index.shards`; documents that score less may be left out.

        Raises:
            InvalidInputError: `k` or `threads` is below 1.
            CorruptIndexError: a posting list that a query needs is damaged.
        """
        for name, value in (("k", k), ("threads", threads)):
            if value < 1:
                raise InvalidInputError(f"{name} is {value}, but must be at least 1.")
        if approximation.prune:
            queries = prune(queries, approximation.prune)
        k = min(k, max(1, self.n_docs))
        is_plain = algorithm is Algorithm.AUTO and not approximation.uses_bounds
        if once and len(queries) == 1 and is_plain and is_answered_sooner(queries, self._searches):
            step = None if self._is_float else self._quantizer.step
            return Rankings(*answer(queries, self._searches, k, where=where, step=step))
        from lsr.index.ranking import Plan, prepared, rank_by_impacts, rank_by_weights

        plan = Plan(
            prepared(self._searches, queries.terms, where),
            k,
            algorithm,
            approximation,
            self._quantizer.step,
        )
        rank = rank_by_weights if self._is_float else rank_by_impacts
        stops = np.zeros(len(queries), dtype=np.uint8) if stops is None else stops
        floors = np.zeros(len(queries)) if floors is None else floors
        if len(queries) <= CHUNK_QUERIES:
            return Rankings(*rank(queries, stops, floors, plan))
        starts = range(0, len(queries), CHUNK_QUERIES)
        chunks = [
            queries.slice(start, min(start + CHUNK_QUERIES, len(queries))) for start in starts
        ]
        stops_of = [stops[start : start + CHUNK_QUERIES] for start in starts]
        floors_of = [floors[start : start + CHUNK_QUERIES] for start in starts]
        with ThreadPoolExecutor(threads) as pool:
            try:
                ranked = list(pool.map(rank, chunks, stops_of, floors_of, repeat(plan)))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        doc_numbers, scores = zip(*ranked, strict=True)
        return Rankings(np.concatenate(doc_numbers), np.concatenate(scores))

    def expected_ns(self, terms: NDArray[np.uint32]) -> float:
        """Return what it should take at most to search all documents for the terms of a query.

        Returns:
            Nanoseconds, on the processor that the planner knows (`lsr.kernels.search`); infinity
            where something has to be loaded, read or checked first.
        """
        return sum(search.expected_ns(terms) for search in self._searches)

    def search_dense_batch(
        self, queries: NDArray[np.float32], k: int, *, where: Filter | None = None
    ) -> Rankings:
        """Return the best `k` documents of every query by its dense row: the exact best.

        Scores are inner products, from -1 to 1. A text without tokens is no hit and has none.
        BLAS shares out the work among processors as its own settings say.

        Args:
            queries: shape (n_queries, dense_size), rows of length 1, or 0 for a text without
                tokens.
            k: at least 1.
            where: documents to search, by their declared fields; None for all.

        Raises:
            InvalidInputError: `k` is below 1, the queries are no such rows, or the index has none.
            CorruptIndexError: a dense row is damaged.
        """
        if k < 1:
            raise InvalidInputError(f"k is {k}, but must be at least 1.")
        if not self.manifest.dense_size:
            raise InvalidInputError("The index has no dense half to search.")
        checked_dense_rows(queries, len(queries), self.manifest.dense_size)
        k = min(k, max(1, self.n_docs))
        doc_numbers = np.full((len(queries), k), -1, dtype=np.int64)
        scores = np.zeros((len(queries), k))
        for start in range(0, len(queries), CHUNK_DENSE):
            chunk = queries[start : start + CHUNK_DENSE]
            found = [one.best_dense(chunk, where, k) for one in self._searches]
            for query, of_segments in enumerate(zip(*found, strict=True), start):
                docs, products = map(np.concatenate, zip(*of_segments, strict=True))
                best = np.lexsort((docs, -products))[:k]
                doc_numbers[query, : best.size] = docs[best]
                scores[query, : best.size] = products[best]
        return Rankings(doc_numbers, scores)

    def contributions(
        self, terms: NDArray[np.uint32], weights: NDArray[np.float32], doc_numbers: Sequence[int]
    ) -> list[list[tuple[int, float, float]]]:
        """Return (term, query weight, document weight) of a query's terms in each document.

        The weights are those that search uses, so the products add up to the score.
        """
        named, of_query, step = terms.tolist(), weights.tolist(), 1.0
        if not self._is_float:
            query = quantize_query(terms, weights)
            named, step = query.terms.tolist(), self._quantizer.step
            of_query = [weight * query.step for weight in query.weights.tolist()]
        rows: list[list[tuple[int, float, float]]] = [[] for _ in doc_numbers]
        located = [self._locate(number) for number in doc_numbers]
        for segment in {segment: None for segment, _ in located}:
            places = [place for place, (owner, _) in enumerate(located) if owner is segment]
            impacts = segment.impacts_of([located[place][1] for place in places], named)
            for place, row in zip(places, impacts.tolist(), strict=True):
                of_document = [impact * step for impact in row]
                rows[place] = list(zip(named, of_query, of_document, strict=True))
        return rows

    def live_numbers(self) -> Iterator[int]:
        """Yield the numbers of all documents that are not deleted, in order."""
        for first, segment in zip(self._first_docs, self.segments, strict=False):
            live = np.setdiff1d(np.arange(segment.n_docs), segment.deleted, assume_unique=True)
            yield from (first + live).tolist()

    def doc_ids(self, doc_numbers: Sequence[int]) -> list[str]:
        """Return the ids of documents."""
        located = (self._locate(number) for number in doc_numbers)
        return [segment.doc_ids[local] for segment, local in located]

    def named_hits(self, rankings: Rankings, query: int) -> list[tuple[str, float]]:
        """Return the (id, score) pairs of one query, best first."""
        found = rankings.hits(query)
        doc_ids = self.doc_ids([number for number, _ in found])
        return list(zip(doc_ids, (score for _, score in found), strict=True))

    def doc_number(self, doc_id: str) -> int | None:
        """Return the number of a document, or None when the index does not hold it."""
        for first, segment in zip(self._first_docs, self.segments, strict=False):
            local = segment.number_of(doc_id)
            if local is not None:
                return first + local
        return None

    def document(self, doc_number: int) -> Document:
        """Return a stored document."""
        segment, local = self._locate(doc_number)
        return segment.documents[local]

    def _locate(self, doc_number: int) -> tuple[Segment, int]:
        end = self._first_docs[-1]
        if not 0 <= doc_number < end:
            raise InvalidInputError(f"document number {doc_number} is not between 0 and {end - 1}.")
        number = bisect_right(self._first_docs, doc_number) - 1
        return self.segments[number], doc_number - self._first_docs[number]


def open_last_commit(path: Path, open_commit: Callable[[Manifest], Opened]) -> Opened:
    """Open the last commit of the index at `path`, whatever other processes commit meanwhile."""
    while True:
        manifest = read_manifest(path)
        try:
            return open_commit(manifest)
        except CorruptIndexError:
            # A commit may have removed files between the two steps; then there is a newer one.
            if read_manifest(path).commit == manifest.commit:
                raise


def _search_of(
    path: Path,
    entry: SegmentEntry,
    first_doc: int,
    before: SegmentSearch | None,
    manifest: Manifest,
    verify: bool,
) -> SegmentSearch:
    """Open a segment for searches, from an earlier snapshot where that has it."""
    if before:
        size = manifest.dense_size
        segment = reopen_segment(path, entry, before.segment, size, verify=verify)
        if segment:
            return before.continued(segment, first_doc)
    segment = open_segment(path, entry, manifest.fields, manifest.dense_size, verify=verify)
    return SegmentSearch(segment, first_doc)


def read_vocabulary(path: Path, manifest: Manifest, *, verify: bool = True) -> Vocabulary:
    """Read the vocabulary of a commit.

    Raises:
        CorruptIndexError: its file is missing or damaged.
    """
    entry = manifest.vocabulary
    if entry.names is None:
        return Vocabulary(entry.kind, n_terms=entry.n_terms)
    file = path / SEGMENT_FOLDER / entry.names.name
    arrays = open_arrays(file, entry.names, verify=verify)
    table = StringTable.from_arrays("term", arrays)
    return Vocabulary(entry.kind, table.to_list())
