"""How do documents come, go and get looked at? As streams of lines, and one by one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, BinaryIO

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse

from lsr.index import Searcher
from lsr.service.answers import JsonAnswer
from lsr.service.catalog import Catalog
from lsr.service.json_bodies import StrictRoute
from lsr.service.keys import Scope, requires
from lsr.service.problems import Problem
from lsr.service.spooling import LINE_TYPES, refuse_other_types
from lsr.service.tasks import OnError, Task, TaskKind
from lsr.service.write_lanes import Stopping
from lsr.service.writing import Writing

router = APIRouter(
    prefix="/v1/indexes/{name}/documents", route_class=StrictRoute, tags=["documents"]
)

_CHUNK_BYTES = 1 << 16

_SEARCH = [Depends(requires(Scope.SEARCH))]
_WRITE = [Depends(requires(Scope.WRITE))]

_ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {"description": "The change is on the disk, and a task will make it."}
}

OnErrorQuery = Annotated[
    OnError,
    Query(description="Keep nothing of the stream when a line fails, or what is good of it."),
]
WaitQuery = Annotated[
    bool, Query(description="Answer when the change is committed, with a result per item.")
]


def _lines_of(example: str) -> dict[str, Any]:
    """Describe a body of lines for the documentation."""
    schema = {"type": "string", "example": example}
    return {"requestBody": {"required": True, "content": {LINE_TYPES[0]: {"schema": schema}}}}


@router.post(
    "",
    dependencies=_WRITE,
    responses=_ACCEPTED,
    openapi_extra=_lines_of('{"id": "1", "text": "a cat"}'),
)
async def add_documents(
    request: Request,
    name: str,
    on_error: OnErrorQuery = OnError.FAIL,
    wait: WaitQuery = False,
) -> Response:
    """Add documents, or replace those that have the same ids: lines as `lsr index` reads them."""
    refuse_other_types(request)
    return await _changed(request, name, TaskKind.ADD, on_error, wait, request.stream())


@router.post(
    "/delete", dependencies=_WRITE, responses=_ACCEPTED, openapi_extra=_lines_of('{"id": "1"}')
)
async def delete_documents(
    request: Request,
    name: str,
    on_error: OnErrorQuery = OnError.FAIL,
    wait: WaitQuery = False,
) -> Response:
    """Delete the documents whose ids are on the lines."""
    refuse_other_types(request)
    return await _changed(request, name, TaskKind.DELETE, on_error, wait, request.stream())


@router.get("/{doc_id:path}", dependencies=_SEARCH)
async def document(request: Request, name: str, doc_id: str) -> Response:
    """Return the stored fields of a document."""
    catalog: Catalog = request.app.state.catalog
    served = catalog[name]

    def work() -> dict[str, Any]:
        searcher = served.latest().searcher
        with served.quarantined_if_damaged():
            stored = searcher.document(_number(searcher, doc_id)).as_dict()
        return {"index": name, "commit": searcher.manifest.commit, "document": stored}

    return JsonAnswer(await run_in_threadpool(work))


@router.delete("/{doc_id:path}", dependencies=_WRITE, responses=_ACCEPTED)
async def delete_document(
    request: Request, name: str, doc_id: str, wait: WaitQuery = True
) -> Response:
    """Delete a document."""

    async def line() -> AsyncIterator[bytes]:
        yield msgspec.json.encode(doc_id)

    catalog: Catalog = request.app.state.catalog
    served = catalog[name]
    await run_in_threadpool(lambda: _number(served.latest().searcher, doc_id))
    return await _changed(request, name, TaskKind.DELETE, OnError.FAIL, wait, line())


async def _changed(
    request: Request,
    name: str,
    kind: TaskKind,
    on_error: OnError,
    wait: bool,
    chunks: AsyncIterator[bytes],
) -> Response:
    """Take a stream on, and answer at once or when its change is committed."""
    writing: Writing = request.app.state.writing
    task, outcome = await writing.accept(name, kind, on_error, chunks)
    if not wait:
        location = {"Location": f"/v1/tasks/{task.id}"}
        return JsonAnswer(task.as_dict(), 202, location)
    done = asyncio.wrap_future(outcome)
    done.add_done_callback(lambda one: one.cancelled() or one.exception())
    try:
        # The change is made even when nobody waits for it any more.
        await asyncio.shield(done)
    except (Stopping, asyncio.CancelledError):
        if outcome.running():  # it is the client who is gone
            raise
        raise Problem(
            503,
            "stopping",
            f"The service is stopping; it goes on with task {task.id} when it starts again.",
            headers={"Location": f"/v1/tasks/{task.id}"},
        ) from None
    # Opened now: the task may be forgotten while it is sent.
    items = _with_items(task, writing.tasks.results_file(task.id).open("rb"))
    return StreamingResponse(items, media_type="application/json")


def _with_items(task: Task, results: BinaryIO) -> Iterator[bytes]:
    """Yield the answer to a change: its counts, then what became of each item."""
    head = {"task": task.id, "index": task.index, "commit": task.commit, **task.counts_of_kind}
    yield msgspec.json.encode(head)[:-1] + b',"results":['
    with results as file:
        lines = file.readlines(_CHUNK_BYTES)
        while lines:
            following = file.readlines(_CHUNK_BYTES)
            yield b",".join(line.rstrip() for line in lines) + (b"," if following else b"")
            lines = following
    yield b"]}"


def _number(searcher: Searcher, doc_id: str) -> int:
    """Return the number of a document.

    Raises:
        Problem: there is none of this id.
    """
    is_text = doc_id == doc_id.encode(errors="replace").decode()  # no half characters
    number = searcher.doc_number(doc_id) if is_text else None
    if number is None:
        raise Problem(
            404, "document-not-found", f"The index has no document with the id {doc_id[:600]!r}."
        )
    return number
