"""How is a search answered? Encode, score, fetch: on threads, many together, from one snapshot."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.conversations import Question
from lsr.documents import QueryBatch
from lsr.index import Rankings
from lsr.index.searcher import CHUNK_QUERIES
from lsr.retrieval import Hit, HybridQueries, Index
from lsr.service.catalog import ServedIndex
from lsr.service.gathering import Deliver, Gatherer, Shed, Waiting, stops_of
from lsr.service.metrics import Metrics
from lsr.service.search_answers import Times, answer_values, page_of_hits, unknown_terms
from lsr.service.search_messages import SearchRequest
from lsr.service.search_questions import Plan, is_empty, plan_of, question_of, timeout_s
from lsr.service.settings import Settings
from lsr.sparse import SparseBatch

TOGETHER = CHUNK_QUERIES
"""Searches that are taken at once: as many as one call of a kernel answers."""

AT_ONCE_NS = 300_000
"""What a search may be expected to take to be answered in the event loop: about what it costs to
hand it to a thread, which then wants the interpreter's lock, and back. All others wait as long."""

TERM_NS, HIT_NS = 500, 2_000
"""What a term and a hit take beside the search itself."""

Values = dict[str, Any]


@dataclass(slots=True, eq=False)
class Search:
    """A search on its way.

    Attributes:
        served: the index.
        request: what came.
        question: what is asked.
        plan: how it is to be ranked, and from which snapshot.
        vector: the question in the index's vocabulary, once it is.
        times: how long each stage took.
    """

    served: ServedIndex
    request: SearchRequest
    question: Question | dict[str, float]
    plan: Plan
    vector: SparseBatch | HybridQueries | None = None
    times: Times = field(default_factory=Times)


_Encoding = Gatherer[Search, "SparseBatch | HybridQueries"]


class Searching:
    """Answers searches.

    Texts go through one queue to be encoded, and then, like vectors at once, through another to be
    ranked, so that no vector waits for an encoder. A third one is for other work.

    Args:
        settings: limits.
        metrics: where stages are counted.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        limits = {"most_waiting": settings.max_waiting, "most_together": TOGETHER}
        self._encoding: _Encoding = Gatherer("encode", _encode, n_workers=1, **limits)
        self._ranking: Gatherer[Search, Values] = Gatherer(
            "rank", self._rank, n_workers=settings.workers, **limits
        )
        self._running: Gatherer[Callable[[], Values], Values] = Gatherer(
            "run", _run, n_workers=1, **limits
        )

    @property
    def n_waiting(self) -> int:
        """Requests that wait for a thread."""
        return sum(one.n_waiting for one in (self._encoding, self._ranking, self._running))

    def close(self) -> None:
        """Answer what waits, and take nothing new."""
        for one in (self._encoding, self._ranking, self._running):
            one.close()

    async def begin(self, served: ServedIndex, request: SearchRequest) -> Search:
        """Return a search of the snapshot that a request asks for.

        Raises:
            Problem: the request cannot be answered as it stands.
            LsrError: the index cannot answer it.
        """
        return self.begin_from(served, await served.snapshot(request.commit), request)

    def begin_from(self, served: ServedIndex, index: Index, request: SearchRequest) -> Search:
        """Return a search of a certain snapshot; see `begin`."""
        question = question_of(request)
        return Search(served, request, question, plan_of(request, index, self._settings))

    def answer_at_once(self, search: Search) -> Values | None:
        """Return the answer as `answer` does, where it needs no thread; else None.

        That is so for a vector whose lists are in memory and short (`AT_ONCE_NS`), where neither
        documents nor filters are to be read.

        Raises:
            LsrError: the index cannot answer it.
        """
        if is_empty(search.question):
            return _nothing(search)
        plan, request = search.plan, search.request
        ranks_alone = request.fields == [] and not (request.explain or request.highlight)
        if not isinstance(search.question, dict) or plan.where is not None or not ranks_alone:
            return None
        expected_ns = TERM_NS * len(search.question) + HIT_NS * plan.depth
        if expected_ns > AT_ONCE_NS:
            return None
        began = time.perf_counter()
        search.vector = vector = plan.index.vector_of(search.question)
        if expected_ns + plan.index.searcher.expected_ns(vector.terms) > AT_ONCE_NS:
            return None
        encoded = time.perf_counter()
        with search.served.quarantined_if_damaged():
            (found,), missing = _ranked(plan, [vector])
            search.times.encode = encoded - began
            search.times.score = time.perf_counter() - encoded
            values = _answered(search, found, vector, missing)
        self._metrics.count_stages(search.times.as_seconds())
        return values

    async def answer(self, search: Search) -> Values:
        """Return the answer to a search as JSON values; see `SearchAnswer`.

        Raises:
            Problem: the request cannot be answered as it stands, or not now.
            LsrError: the index cannot answer it.
        """
        if is_empty(search.question):
            return _nothing(search)
        plan, request = search.plan, search.request
        until = time.perf_counter() + timeout_s(request, self._settings)
        with self._sheds_counted(), search.served.quarantined_if_damaged():
            if not isinstance(search.question, dict):
                kind = plan.index, request.alpha
                search.vector = await self._encoding.ask(kind, search, until - time.perf_counter())
            values = await self._ranking.ask(plan, search, until - time.perf_counter())
        self._metrics.count_stages(search.times.as_seconds())
        return values

    async def run(self, work: Callable[[], Values]) -> Values:
        """Return what a function returns, which a thread calls when it is its turn.

        As many may wait as searches, and as long.

        Raises:
            Problem: the request cannot be answered as it stands, or not now.
            LsrError: what the function raises.
        """
        with self._sheds_counted():
            return await self._running.ask(object(), work, self._settings.timeout_ms / 1000)

    @contextmanager
    def _sheds_counted(self) -> Iterator[None]:
        try:
            yield
        except Shed as shed:
            self._metrics.count_shed(shed.code)
            raise

    def _rank(
        self,
        plan: Plan,
        together: Sequence[Waiting[Search, Values]],
        deliver: Deliver[Search, Values],
    ) -> None:
        began = time.perf_counter()
        self._metrics.count_batch(len(together))
        together, vectors = _vectors(together, deliver)
        if not together:
            return
        encoded = time.perf_counter()
        found, missing = _ranked(plan, vectors, stops_of(together))
        scored = time.perf_counter()
        for waiting, hits, vector in zip(together, found, vectors, strict=True):
            search = waiting.payload
            search.times.queue += began - waiting.entered
            search.times.encode += encoded - began
            search.times.score = scored - encoded
            try:
                deliver(waiting, _answered(search, hits, vector, missing))
            except Exception as error:
                deliver(waiting, error)


def _run(
    kind: object,
    together: Sequence[Waiting[Callable[[], Values], Values]],
    deliver: Deliver[Callable[[], Values], Values],
) -> None:
    for waiting in together:
        deliver(waiting, waiting.payload())


def _encode(
    kind: tuple[Index, float | None],
    together: Sequence[Waiting[Search, SparseBatch | HybridQueries]],
    deliver: Deliver[Search, SparseBatch | HybridQueries],
) -> None:
    index, alpha = kind
    began = time.perf_counter()
    questions = [waiting.payload.question for waiting in together]
    texts = [one for one in questions if not isinstance(one, dict)]
    vectors: Sequence[SparseBatch | HybridQueries]
    if alpha is None:
        batch = index.vectors_of(QueryBatch([str(one) for one in range(len(texts))], texts))
        vectors = [batch.slice(row, row + 1) for row in range(len(batch))]
    else:  # one by one: a product of several dense rows rounds in another way
        vectors = [index.hybrid_queries([text], alpha) for text in texts]
    seconds = time.perf_counter() - began
    for waiting, vector in zip(together, vectors, strict=True):
        waiting.payload.times.queue += began - waiting.entered
        waiting.payload.times.encode += seconds
        deliver(waiting, vector)


def _vectors(
    together: Sequence[Waiting[Search, Values]], deliver: Deliver[Search, Values]
) -> tuple[Sequence[Waiting[Search, Values]], list[SparseBatch | HybridQueries]]:
    """Return the searches that can be ranked, and their vectors; deliver why others cannot."""
    sound, vectors = [], []
    for waiting in together:
        search = waiting.payload
        try:
            vectors.append(search.vector or search.plan.index.vector_of(search.question))
            sound.append(waiting)
        except Exception as error:
            deliver(waiting, error)
    return sound, vectors


def _ranked(
    plan: Plan,
    vectors: Sequence[SparseBatch | HybridQueries],
    stops: NDArray[np.uint8] | None = None,
) -> tuple[list[list[Hit]], tuple[str, ...]]:
    """Return the hits of each vector, and the shards that have not answered.

    Hits of a vector that is stopped mean nothing.
    """
    index = plan.index

    def rank(vectors: SparseBatch | HybridQueries, stops: NDArray[np.uint8] | None) -> Rankings:
        return index.rank(
            vectors,
            plan.depth,
            where=plan.filter,
            approximation=plan.approximation,
            stops=stops,
        )

    sparse = [one for one in vectors if isinstance(one, SparseBatch)]
    if len(sparse) == len(vectors):
        found = rank(SparseBatch.concatenate(sparse), stops)
        return index.hits(found), found.missing
    found_each = [
        rank(one, None if stops is None else stops[row : row + 1])
        for row, one in enumerate(vectors)
    ]
    missing = {name for found in found_each for name in found.missing}
    return [index.hits(found)[0] for found in found_each], tuple(sorted(missing))


def _answered(
    search: Search,
    found: Sequence[Hit],
    vector: SparseBatch | HybridQueries,
    missing: Sequence[str],
) -> Values:
    """Return the answer to a search that was ranked."""
    began = time.perf_counter()
    request, plan = search.request, search.plan
    warnings = []
    if isinstance(vector, SparseBatch):
        if isinstance(search.question, dict) and vector.nnz < len(search.question):
            warnings = unknown_terms(plan.index, search.question)
        if vector.nnz == 0:
            warnings.append("No term of the query is known to the index.")
    if missing:
        warnings.append(
            f"Shards did not answer, so their documents are not here: {', '.join(missing)}."
        )
    hits = page_of_hits(plan.index, search.question, found, request, plan.approximation)
    search.times.fetch = time.perf_counter() - began
    return answer_values(
        search.served.name,
        plan.index,
        request,
        hits,
        search.times,
        has_more=len(found) > request.offset + request.k,
        warnings=warnings,
    )


def _nothing(search: Search) -> Values:
    """Return the answer to an empty question."""
    plan = search.plan
    if plan.where is not None:
        plan.index.parse_filter(plan.filter or "")
    warnings = ["The query is empty."]
    return answer_values(
        search.served.name, plan.index, search.request, [], search.times, warnings=warnings
    )
