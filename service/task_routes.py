"""What became of the changes that were accepted? Their tasks say it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import FileResponse, Response

from lsr.service.answers import JsonAnswer
from lsr.service.json_bodies import StrictRoute
from lsr.service.keys import Scope, requires
from lsr.service.problems import Problem
from lsr.service.spooling import LINE_TYPES
from lsr.service.tasks import Task, TaskState
from lsr.service.writing import Writing

router = APIRouter(
    prefix="/v1/tasks",
    route_class=StrictRoute,
    tags=["tasks"],
    dependencies=[Depends(requires(Scope.WRITE))],
)


@router.get("")
async def list_tasks(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 20,
    index: Annotated[str | None, Query(max_length=64)] = None,
    state: TaskState | None = None,
) -> Response:
    """List the tasks, newest first."""
    writing: Writing = request.app.state.writing

    def wanted(task: Task) -> bool:
        return index in (None, task.index) and state in (None, task.state)

    return JsonAnswer({"tasks": [one.as_dict() for one in writing.tasks.newest(limit, wanted)]})


@router.get("/{task_id}")
async def task(request: Request, task_id: str) -> Response:
    """Return how far a task is, or how it has ended."""
    return JsonAnswer(_found(request, task_id).as_dict())


@router.get("/{task_id}/results")
async def task_results(request: Request, task_id: str) -> Response:
    """Return what became of each item of a finished task, a line an item."""
    writing: Writing = request.app.state.writing
    found = _found(request, task_id)
    results = writing.tasks.results_file(found.id)
    if not found.is_finished:
        raise Problem(
            409, "task-not-finished", f"The task is {found.state}; ask again when it is finished."
        )
    if found.state is TaskState.FAILED or not results.exists():
        raise Problem(
            404, "no-results", "Nothing of the task was kept; the task says what was wrong."
        )
    return FileResponse(results, media_type=LINE_TYPES[0])


def _found(request: Request, task_id: str) -> Task:
    writing: Writing = request.app.state.writing
    task = writing.tasks.get(task_id)
    if task is None:
        raise Problem(
            404,
            "task-not-found",
            f"There is no task {task_id[:64]!r}; finished ones are forgotten after a while.",
        )
    return task
