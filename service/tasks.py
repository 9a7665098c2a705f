"""What became of a stream of documents? Tasks remember it, on disk, also when the service ends.

A task is written down before its stream is acknowledged and again before the next one begins, so a
service that starts again knows which streams it still owes. A folder holds, of each task::

    ID.json      the task
    ID.lines     the stream, until the task is finished
    ID.results   a line an item, what became of it
    ID.begun     there while the task is being processed; left behind by a crash
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import Any

import filelock
import msgspec

from lsr.index.storage import make_folder, remove_file, replace_file, write_note
from lsr.service.problems import Problem

MAX_ATTEMPTS = 2
"""How often a task is begun: one that ends the process would do so at every start."""


class TaskKind(StrEnum):
    """What a task does with its lines."""

    ADD = "add"
    DELETE = "delete"


class OnError(StrEnum):
    """What to do about a line that cannot be applied: keep nothing of the stream, or the rest."""

    FAIL = "fail"
    SKIP = "skip"


class TaskState(StrEnum):
    """How far a task is."""

    ENQUEUED = "enqueued"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Task(msgspec.Struct):
    """A change of an index by a stream of lines.

    Attributes:
        id: names it; later tasks have larger ones.
        kind: what is done with each line.
        index: name of the index.
        on_error: what happens when a line cannot be applied.
        state: how far it is.
        enqueued_at: when the stream was received, ISO 8601.
        started_at: when the task was last begun.
        finished_at: when it ended.
        n_lines: lines looked at so far, empty ones left out.
        counts: documents by status: added, replaced, deleted, failed.
        commit: the commit that holds the change.
        error: why it failed, as a problem has it.
        attempts: how often it was cut by the end of the service.
    """

    id: str
    kind: TaskKind
    index: str
    on_error: OnError
    state: TaskState = TaskState.ENQUEUED
    enqueued_at: str = ""
    started_at: str | None = None
    finished_at: str | None = None
    n_lines: int = 0
    counts: dict[str, int] = msgspec.field(default_factory=dict)
    commit: int | None = None
    error: dict[str, Any] | None = None
    attempts: int = 0

    @property
    def is_finished(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in (TaskState.SUCCEEDED, TaskState.FAILED)

    @property
    def counts_of_kind(self) -> dict[str, int]:
        """Documents by each status that this kind of task knows; zeros are not left out."""
        statuses = ("added", "replaced") if self.kind is TaskKind.ADD else ("deleted",)
        return {status: self.counts.get(status, 0) for status in (*statuses, "failed")}

    def failed(self, problem: Problem) -> None:
        """Take note of why the task failed."""
        self.state = TaskState.FAILED
        self.error = {"status": problem.status, "code": problem.code, "detail": problem.detail}

    def as_dict(self) -> dict[str, Any]:
        """Return the task as JSON values."""
        values: dict[str, Any] = msgspec.to_builtins(self)
        del values["counts"], values["attempts"]
        return {**values, **self.counts_of_kind}


class TaskStore:
    """The tasks of a service, in a folder that one process uses at a time.

    Args:
        folder: made when the first task comes.
        n_kept: finished tasks to remember.
    """

    def __init__(self, folder: Path, n_kept: int) -> None:
        self._folder = folder
        self._n_kept = n_kept
        self._tasks: dict[str, Task] = {}
        self._lock = Lock()
        self._process_lock: filelock.BaseFileLock | None = None
        self._last_id = 0

    def claim(self) -> list[Task]:
        """Make the folder this process's own, and return the tasks that another left to do.

        Raises:
            Problem: another service is using it.
        """
        with self._lock:
            if self._process_lock:
                return []
            make_folder(self._folder)
            lock = filelock.FileLock(self._folder / "service.lock", thread_local=False)
            try:
                lock.acquire(timeout=0)
            except filelock.Timeout:
                raise Problem(
                    503,
                    "service-locked",
                    "Another service process changes these indexes; send the request there.",
                    headers={"Retry-After": "10"},
                ) from None
            self._process_lock = lock
            for path in sorted(self._folder.glob("*.json")):
                with suppress(msgspec.MsgspecError):
                    self._tasks[path.stem] = msgspec.json.decode(path.read_bytes(), type=Task)
            for path in self._folder.iterdir():
                if path.suffix in (".lines", ".results") and path.stem not in self._tasks:
                    remove_file(path)  # of a stream that was never acknowledged
            unfinished = [one for one in self._tasks.values() if not one.is_finished]
        for task in unfinished:
            if self._file(task.id, "begun").exists():
                task.attempts += 1
                self._write(task)
                remove_file(self._file(task.id, "begun"))
            task.state = TaskState.ENQUEUED
        return unfinished

    def new_id(self) -> str:
        """Return the name of the next task."""
        with self._lock:
            self._last_id = max(time.time_ns(), self._last_id + 1)
            return f"{self._last_id:016x}"

    def lines_file(self, task_id: str) -> Path:
        """Return where a task's stream is."""
        return self._file(task_id, "lines")

    def results_file(self, task_id: str) -> Path:
        """Return where it says what became of each item."""
        return self._file(task_id, "results")

    def add(self, task: Task) -> None:
        """Take up a task, durably; its stream lies in its place already."""
        task.enqueued_at = _now()
        self._write(task)
        self._tasks[task.id] = task

    def begin(self, task: Task) -> None:
        """Take note that a task is being processed."""
        write_note(self._file(task.id, "begun"), "")
        task.state, task.started_at = TaskState.PROCESSING, _now()
        task.n_lines, task.counts = 0, {}

    def put_back(self, task: Task) -> None:
        """Leave a task that was begun to the service that starts next."""
        task.state = TaskState.ENQUEUED
        remove_file(self._file(task.id, "begun"))

    def finish(self, task: Task) -> None:
        """Write down, durably, how a task has ended."""
        task.finished_at = _now()
        self._write(task)
        remove_file(self._file(task.id, "begun"))
        remove_file(self._file(task.id, "lines"))
        self._prune()

    def forget_stream(self, task_id: str) -> None:
        """Remove what was received of a stream that will not become a task."""
        remove_file(self._file(task_id, "lines"))

    def get(self, task_id: str) -> Task | None:
        """Return a task, or None."""
        return self._tasks.get(task_id)

    def newest(self, limit: int, wanted: Callable[[Task], bool]) -> list[Task]:
        """Return the tasks that are wanted, newest first."""
        with self._lock:
            tasks = sorted(self._tasks.values(), key=lambda one: one.id, reverse=True)
        return [task for task in tasks if wanted(task)][:limit]

    def close(self) -> None:
        """Let another process have the folder."""
        if self._process_lock:
            self._process_lock.release()

    def _prune(self) -> None:
        with self._lock:
            finished = sorted(one.id for one in self._tasks.values() if one.is_finished)
            for task_id in finished[: -self._n_kept]:
                for suffix in ("json", "results"):
                    remove_file(self._file(task_id, suffix))
                del self._tasks[task_id]

    def _write(self, task: Task) -> None:
        replace_file(self._file(task.id, "json"), msgspec.json.encode(task))

    def _file(self, task_id: str, suffix: str) -> Path:
        return self._folder / f"{task_id}.{suffix}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
