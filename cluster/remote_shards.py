"""Who searches each shard, and what if nobody answers? Processes of Ray, and a policy.

While the process of a shard is dead, another one answers in its place: the next of its replicas,
or else a neighbour's. Ray starts the dead one again meanwhile.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import msgspec

from lsr.cluster.merging import BestSoFar, n_asked_at_once
from lsr.cluster.questions import Answer, Question, floors_as_bytes
from lsr.cluster.shard_process import ShardProcess
from lsr.errors import InvalidInputError, ShardMissingError
from lsr.index import Part, Rankings, origin_of

logger = logging.getLogger(__name__)

START_S = 120.0
"""Time that new processes have to open files and load kernels, or even to compile them."""

LOOK_S = 0.1
"""How often is looked who has died, while others still think."""

PAUSE_S = 0.02
"""What is waited before a process is asked again that was dead."""

STAND_INS = 2
"""Neighbours that are asked about a shard without processes: if the question is what has killed
them, it must not kill them all."""


class OnFailure(StrEnum):
    """What to do about a shard that does not answer."""

    FAIL = "fail"
    PARTIAL = "partial"


class ShardOptions(NamedTuple):
    """How shards are searched.

    Attributes:
        on_failure: whether a search fails, or goes without a shard that does not answer.
        timeout_s: seconds that shards have to answer.
        replicas: processes of each shard.
    """

    on_failure: OnFailure = OnFailure.FAIL
    timeout_s: float = 10.0
    replicas: int = 1


class Shard(NamedTuple):
    """What is said of a shard to whoever searches it.

    Attributes:
        name: its name.
        first_doc: number of its first document in the index.
        files: see `ShardProcess.answer`.
    """

    name: str
    first_doc: int
    files: bytes

    @staticmethod
    def of(part: Part) -> Shard:
        """Put down what a part of a commit consists of."""
        return Shard(part.name, part.first_doc, msgspec.json.encode(part.manifest))


class _Asked(NamedTuple):
    """A shard that is asked.

    Attributes:
        shard: the shard.
        n_deaths: processes that were dead or have died since.
    """

    shard: Shard
    n_deaths: int


class RemoteShards:
    """Processes of the session's cluster, which come back when they die.

    Args:
        path: folder of the index, the same on all machines; a copy of what lies at a URL may be on
            this one alone.
        options: how shards are searched; may be replaced at any time, but for the replicas.

    Attributes:
        processes: those of each shard, by its name.
    """

    def __init__(self, path: Path, options: ShardOptions) -> None:
        import ray

        self._place = origin_of(path) or str(path.resolve())
        self.options = options
        self._at_once = max(1, int(ray.cluster_resources().get("CPU", 1)))
        self._lock = Lock()
        self._turns = count()
        self.processes: dict[str, list[Any]] = {}

    def prepare(self, shards: Iterable[Shard]) -> None:
        """Start the processes of shards that have none, and wait until they are ready.

        What is wrong with one is said when it is asked.
        """
        import ray

        process = ray.remote(
            max_restarts=-1,
            max_task_retries=0,  # another process is asked before this one is back
            num_cpus=0,
            scheduling_strategy="SPREAD",
            enable_task_events=False,
        )(ShardProcess)
        with self._lock:
            new = {
                shard.name: [
                    process.remote(self._place, shard.name) for _ in range(self.options.replicas)
                ]
                for shard in shards
                if shard.name not in self.processes
            }
            self.processes = {**self.processes, **new}
        ready = [one.__ray_ready__.remote() for several in new.values() for one in several]
        if ready:
            ray.wait(ready, num_returns=len(ready), timeout=START_S)

    def ask(self, shards: Sequence[Shard], question: Question) -> Rankings:
        """Ask all shards, as many at a time as there are processors, and merge their answers.

        Of many, some are asked first (`n_asked_at_once`), and the others told which score counts.

        Raises:
            ShardMissingError: a shard has not answered, and answers without it are not wanted.
            InvalidInputError: the question cannot be answered by anybody.
        """
        import ray

        until = time.monotonic() + self.options.timeout_s
        message, turn = msgspec.msgpack.encode(question), next(self._turns)
        best = BestSoFar(question.n_queries, question.k)
        waiting = deque(_Asked(shard, 0) for shard in shards)
        asked: dict[Any, _Asked] = {}
        missing: dict[str, str] = {}
        deaths: dict[str, str] = {}
        n_answered, is_late = 0, False
        look_s = min(LOOK_S, self.options.timeout_s / 4)
        while waiting or asked:
            left = until - time.monotonic()
            if left <= 0:
                late = f"no answer within {self.options.timeout_s:g} s"
                names = [one.shard.name for one in (*asked.values(), *waiting)]
                missing |= {name: deaths.get(name, late) for name in names}
                break
            floors = floors_as_bytes(best.floors) if waiting else b""
            few = n_asked_at_once(len(shards), n_answered, self._at_once)
            while waiting and len(asked) < (self._at_once if is_late else few):
                one = waiting.popleft()
                process = self._process(one, turn)
                asked[process.answer.remote(one.shard.files, message, floors)] = one
            n_wanted = 1 if waiting else len(asked)
            answers, _ = ray.wait(list(asked), num_returns=n_wanted, timeout=min(left, look_s))
            is_late |= not answers  # who does not answer keeps no other from being asked
            for answer in answers:
                shard, n_deaths = asked.pop(answer)
                try:
                    found = msgspec.msgpack.decode(ray.get(answer), type=Answer)
                    best.add(found.rankings, shard.first_doc)
                    n_answered += 1
                except ray.exceptions.RayTaskError as error:
                    if isinstance(error.cause, InvalidInputError):
                        raise error.cause from None
                    missing[shard.name] = str(error.cause)
                except ray.exceptions.ActorUnavailableError:
                    deaths[shard.name] = "its process has died and is not back yet"
                    waiting.appendleft(_Asked(shard, n_deaths + 1))
                except ray.exceptions.RayError as error:
                    deaths[shard.name] = str(error).partition("\n")[0]
                    waiting.appendleft(_Asked(shard, n_deaths + 1))
        if missing:
            self._lament(missing)
        return best.rankings(tuple(sorted(missing)))

    def _process(self, asked: _Asked, turn: int) -> Any:
        """Return who answers for a shard: its own processes in turn, then neighbours, then again.

        Args:
            asked: the shard, and how many of them were dead.
            turn: rises from question to question.
        """
        own = self.processes[asked.shard.name]
        if asked.n_deaths < len(own):
            return own[(turn + asked.n_deaths) % len(own)]
        names = list(self.processes)
        place = names.index(asked.shard.name) + 1
        others = [self.processes[name][0] for name in (*names[place:], *names[: place - 1])]
        n_asked = asked.n_deaths - len(own)
        if n_asked < min(STAND_INS, len(others)):
            return others[n_asked]
        time.sleep(PAUSE_S)
        return own[asked.n_deaths % len(own)]

    def _lament(self, missing: dict[str, str]) -> None:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in sorted(missing.items()))
        message = f"Shards of {self._place} did not answer ({reasons})."
        if self.options.on_failure is OnFailure.FAIL:
            raise ShardMissingError(
                f"{message} Ask again, or take answers without them: --on-shard-failure partial."
            )
        logger.warning("%s Their documents are not among the hits.", message)
