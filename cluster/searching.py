"""How is an index searched by many processes? Each shard is asked by itself, and answers merged."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lsr.cluster.merging import BestSoFar
from lsr.cluster.questions import Question, ShardSearcher
from lsr.errors import InvalidInputError, ShardMissingError
from lsr.index import EXACT, Approximation, Filter, Manifest, Part, Rankings, Searcher, parts_of
from lsr.index.searcher import open_last_commit
from lsr.kernels.algorithm import Algorithm
from lsr.retrieval import Index
from lsr.sparse import SparseBatch

logger = logging.getLogger(__name__)


START_S = 120.0
"""Time that new processes have to open files and load kernels, or even to compile them."""

FIRST_QUESTION = Question(
    SparseBatch.from_rows([[(0, 1.0)]], n_terms=1), 1, 1, None, EXACT, Algorithm.AUTO
)
"""What is asked to get a process ready."""


class OnFailure(StrEnum):
    """What to do about a shard that does not answer."""

    FAIL = "fail"
    PARTIAL = "partial"


def search_remotely(index: Index, on_failure: OnFailure, timeout_s: float) -> Index:
    """Return the same index, whose shards are searched by processes of the session's cluster.

    Args:
        index: any index; one without shards is one part.
        on_failure: whether a search fails, or goes without a shard that does not answer.
        timeout_s: seconds that shards have to answer.
    """
    shards = RemoteShards(index.path, on_failure, timeout_s)
    return index.searched_by(ScatteredSearcher(index.path, index.searcher.manifest, shards))


class ScatteredSearcher(Searcher):
    """A snapshot whose shards are searched elsewhere; ids and documents are read here.

    The dense half is searched here, too.

    Args:
        path: folder of the index.
        manifest: the commit.
        shards: who searches them.
        before: an earlier snapshot.
    """

    def __init__(
        self,
        path: Path,
        manifest: Manifest,
        shards: RemoteShards,
        before: Searcher | None = None,
    ) -> None:
        super().__init__(path, manifest, before=before)
        self._parts = parts_of(manifest)
        self.shards = shards
        shards.prepare(self._parts)

    def reopened(self, path: Path) -> ScatteredSearcher:
        """Return the last commit; see `Searcher.reopened`."""
        return open_last_commit(
            path, lambda manifest: ScatteredSearcher(path, manifest, self.shards, before=self)
        )

    def expected_ns(self, terms: NDArray[np.uint32]) -> float:
        """Return that a search takes long: it waits for other processes."""
        return float("inf")

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
        """Return the best `k` documents of every query; see `Searcher.search_batch`.

        Raises:
            ShardMissingError: a shard has not answered, and answers without it are not wanted.
        """
        if k < 1:
            raise InvalidInputError(f"k is {k}, but must be at least 1.")
        k = min(k, max(1, self.n_docs))
        question = Question(queries, k, threads, where, approximation, algorithm)
        return self.shards.ask(self._parts, question)


class RemoteShards:
    """Processes of the session's cluster, one a shard, which come back when they die.

    Args:
        path: folder of the index, the same on all machines.
        on_failure: see `search_remotely`; may be changed at any time.
        timeout_s: see `search_remotely`; may be changed at any time.

    Attributes:
        actors: the processes, by the names of their shards.
    """

    def __init__(self, path: Path, on_failure: OnFailure, timeout_s: float) -> None:
        import ray

        self._path = path.resolve()
        self.on_failure = on_failure
        self.timeout_s = timeout_s
        self._at_once = max(1, int(ray.cluster_resources().get("CPU", 1)))
        self._lock = Lock()
        self.actors: dict[str, Any] = {}

    def prepare(self, parts: Iterable[Part]) -> None:
        """Start the processes of shards that have none, and have them open files and load kernels.

        What is wrong with one is said when it is asked.
        """
        import ray

        actor = ray.remote(
            max_restarts=-1, max_task_retries=-1, num_cpus=0, scheduling_strategy="SPREAD"
        )(ShardSearcher)
        with self._lock:
            new = [part for part in parts if part.name not in self.actors]
            self.actors |= {part.name: actor.remote(self._path) for part in new}
            first = [self._asked(part, FIRST_QUESTION, np.zeros(1)) for part in new]
        if first:
            ray.wait(first, num_returns=len(first), timeout=START_S)

    def ask(self, parts: Iterable[Part], question: Question) -> Rankings:
        """Ask all shards, as many at a time as there are processors, and merge their answers.

        Raises:
            ShardMissingError: a shard has not answered, and answers without it are not wanted.
            InvalidInputError: the question cannot be answered by anybody.
        """
        import ray

        until = time.monotonic() + self.timeout_s
        best = BestSoFar(len(question.queries), question.k)
        unasked = deque(parts)
        asked: dict[Any, Part] = {}
        missing: dict[str, str] = {}
        while unasked or asked:
            while unasked and len(asked) < self._at_once:
                part = unasked.popleft()
                asked[self._asked(part, question, best.floors)] = part
            answers, _ = ray.wait(list(asked), timeout=max(0.0, until - time.monotonic()))
            if not answers:
                late = f"no answer within {self.timeout_s:g} s"
                missing |= {part.name: late for part in (*asked.values(), *unasked)}
                break
            part = asked.pop(answers[0])
            try:
                best.add(Rankings(*ray.get(answers[0])), part.first_doc)
            except ray.exceptions.RayTaskError as error:
                if isinstance(error.cause, InvalidInputError):
                    raise error.cause from None
                missing[part.name] = str(error.cause)
            except ray.exceptions.RayError as error:
                missing[part.name] = str(error).partition("\n")[0]
        if missing:
            self._lament(missing)
        return best.rankings(tuple(sorted(missing)))

    def _asked(self, part: Part, question: Question, floors: NDArray[np.float64]) -> Any:
        """Return what will be a shard's answer."""
        files = msgspec.json.encode(part.manifest)
        return self.actors[part.name].answer.remote(files, question, floors)

    def _lament(self, missing: dict[str, str]) -> None:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in sorted(missing.items()))
        message = f"Shards of {self._path} did not answer ({reasons})."
        if self.on_failure is OnFailure.FAIL:
            raise ShardMissingError(
                f"{message} Ask again, or take answers without them: --on-shard-failure partial."
            )
        logger.warning("%s Their documents are not among the hits.", message)
