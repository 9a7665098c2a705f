"""How is a change taken on and carried out? Received onto the disk, written down, then applied.

A stream is acknowledged once it is on the disk as a task, and a task survives the end of the
service: the next one to start goes on with it. A commit holds the name of its task, so that a task
that was cut after its commit is known to be done and never applied again.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path

import msgspec
from fastapi.concurrency import run_in_threadpool

from lsr.errors import LsrError
from lsr.index import read_manifest
from lsr.index.storage import disk_errors
from lsr.service.applying import ItemLog, add_documents, delete_documents, numbered_lines
from lsr.service.catalog import Catalog, ServedIndex
from lsr.service.places import Places
from lsr.service.problems import Problem
from lsr.service.settings import Settings
from lsr.service.spooling import spool
from lsr.service.tasks import MAX_ATTEMPTS, OnError, Task, TaskKind, TaskState, TaskStore
from lsr.service.write_lanes import Place, Stopping, WriteLanes

logger = logging.getLogger(__name__)

TASK_NOTE = "last_task"
"""Under this name a commit holds the task that made it."""


class Writing:
    """The changes of the indexes of a service.

    Args:
        catalog: the indexes.
        settings: limits.
        folder: where tasks are kept.
        places: hides from clients where things lie.
    """

    def __init__(self, catalog: Catalog, settings: Settings, folder: Path, places: Places) -> None:
        self.lanes = WriteLanes(settings.max_queued_writes)
        self.tasks = TaskStore(folder, settings.kept_tasks)
        self._catalog = catalog
        self._settings = settings
        self._places = places
        if folder.exists():
            try:
                self._claim()
            except Problem as error:
                logger.warning("%s", error.detail)

    async def accept(
        self, name: str, kind: TaskKind, on_error: OnError, chunks: AsyncIterator[bytes]
    ) -> tuple[Task, Future[Task]]:
        """Receive a stream, and return its task, which survives a crash, and its outcome.

        Args:
            name: of the index.
            kind: what to do with each line.
            on_error: see `OnError`.
            chunks: the stream.

        Raises:
            Problem: there is no such index, too many changes wait, or the stream is too large.
            LsrError: it cannot be kept.
        """
        _ = self._catalog[name]
        await run_in_threadpool(self._claim)
        with ExitStack() as undo:
            place = self.lanes.reserve(name)
            undo.callback(place.leave)
            task = Task(self.tasks.new_id(), kind, name, on_error)
            undo.callback(self.tasks.forget_stream, task.id)
            await spool(chunks, self.tasks.lines_file(task.id), self._settings)
            await run_in_threadpool(self.tasks.add, task)
            undo.pop_all()
        return task, self._begin(task, place)

    def stop(self) -> None:
        """Begin nothing more, and end what is being done at its next batch; both stay tasks."""
        self.lanes.stop()

    def close(self) -> None:
        """Wait for what is being done, and let another process write."""
        self.stop()
        self.lanes.join()
        self.tasks.close()

    def wait_until_done(self) -> None:
        """Return when every change that was accepted before has ended."""
        self.lanes.wait_until_empty()

    def _claim(self) -> None:
        for task in self.tasks.claim():
            logger.warning("Task %s was cut by the end of the service and goes on.", task.id)
            # What was acknowledged is not bounded again.
            self._begin(task, self.lanes.reserve(task.index, even_when_full=True))

    def _begin(self, task: Task, place: Place) -> Future[Task]:
        return place.run(lambda: self._process(task))

    def _process(self, task: Task) -> Task:
        if self.lanes.stopping.is_set():
            raise Stopping
        try:
            served = self._catalog[task.index]
            if _holds(served, task):
                self._recount(task)
                task.commit = read_manifest(served.path).commit
            else:
                self._refuse_deadly(task)
                self.tasks.begin(task)
                task.commit = self._apply(task, served)
        except Stopping:
            self.tasks.put_back(task)
            raise
        except (Problem, LsrError) as error:
            problem = error if isinstance(error, Problem) else self._places.problem_of(error)
            task.failed(problem)
            self.tasks.finish(task)
            raise problem from error
        except Exception as error:
            logger.exception("Task %s failed.", task.id)
            problem = Problem(500, "internal-error", "The change failed; the log says more.")
            task.failed(problem)
            self.tasks.finish(task)
            raise problem from error
        task.state = TaskState.SUCCEEDED
        self.tasks.finish(task)
        return task

    def _apply(self, task: Task, served: ServedIndex) -> int:
        """Carry a task out in one commit, and return its number."""

        def advance() -> None:
            task.n_lines += 1
            if self.lanes.stopping.is_set():
                raise Stopping

        index = served.latest().reopened()
        source, results = self.tasks.lines_file(task.id), self.tasks.results_file(task.id)
        with (
            disk_errors(results),
            source.open("rb") as file,
            results.open("wb") as items,
            index.writer(memory_bytes=self._settings.writer_memory_bytes) as writer,
        ):
            index.refresh()  # the last commit, now that nobody else can make one
            log = ItemLog(items, task.on_error, advance, self._places.problem_of, task.counts)
            if task.kind is TaskKind.ADD:
                add_documents(index, writer, numbered_lines(file), log)
            else:
                delete_documents(writer, numbered_lines(file), log)
            items.flush()
            commit = writer.commit({TASK_NOTE: task.id})
        served.latest()  # whoever hears of the commit finds it
        return commit

    def _recount(self, task: Task) -> None:
        """Count again what became of the items of a task that was cut after its commit."""
        task.n_lines, task.counts = 0, {}
        for line in self.tasks.results_file(task.id).read_bytes().splitlines():
            status = msgspec.json.decode(line)["status"]
            task.counts[status] = task.counts.get(status, 0) + 1
            task.n_lines += 1

    def _refuse_deadly(self, task: Task) -> None:
        if task.attempts >= MAX_ATTEMPTS:
            raise Problem(
                500,
                "service-stopped",
                f"The service stopped {task.attempts} times while it was at this task, and does "
                "not begin it again; nothing of it was kept. Send the documents in smaller parts.",
            )


def _holds(served: ServedIndex, task: Task) -> bool:
    """Say whether the last commit of an index is that of a task."""
    return read_manifest(served.path).properties.get(TASK_NOTE) == task.id
