"""How are indexes made, removed, put aside and taken back?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from lsr.service.administration import Administration, checked_name
from lsr.service.answers import JsonAnswer
from lsr.service.json_bodies import StrictRoute
from lsr.service.keys import Scope, requires
from lsr.service.writing import Writing

Result = TypeVar("Result")

router = APIRouter(
    prefix="/v1/indexes/{name}",
    route_class=StrictRoute,
    tags=["administration"],
    dependencies=[Depends(requires(Scope.ADMIN))],
)


class NewIndex(BaseModel):
    """What an index is made with; none of it can be changed later."""

    model_config = ConfigDict(extra="forbid")

    model: str | None = Field(
        default=None,
        max_length=200,
        description="A configured model; left out for documents that bring vectors.",
    )
    fields: dict[str, str] = Field(
        default_factory=dict,
        description="Metadata that filters can name, with its kind: str, int, float, bool or tags.",
        examples=[{"year": "int"}],
    )
    weights: str = Field(default="uint8", description="uint8 or float32.")
    max_weight: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="Largest weight of the documents."
    )
    prune: str | None = Field(
        default=None, description="Leave out light weights.", examples=["max_ratio:0.1"]
    )


class NewSnapshot(BaseModel):
    """What a snapshot is called."""

    model_config = ConfigDict(extra="forbid")

    snapshot: str | None = Field(
        default=None, description="Its name; made of the commit and the time when left out."
    )


class Restoration(BaseModel):
    """Which snapshot an index is made of."""

    model_config = ConfigDict(extra="forbid")

    snapshot: str
    of: str | None = Field(
        default=None, description="The index that it was made of; this one when left out."
    )
    replace: bool = Field(default=False, description="Replace the index that is there.")


@router.put("", status_code=201)
async def create_index(request: Request, name: str, wanted: NewIndex) -> Response:
    """Make an empty index."""
    admin: Administration = request.app.state.administration
    options = wanted.model_dump(exclude={"model"})
    await _in_turn(request, name, lambda: admin.create(name, wanted.model, options))
    return JsonAnswer({"index": name, "commit": 1}, 201, {"Location": f"/v1/indexes/{name}"})


@router.delete("")
async def delete_index(request: Request, name: str) -> Response:
    """Remove an index; searches that have begun end as usual, and its snapshots stay."""
    admin: Administration = request.app.state.administration
    await _in_turn(request, name, lambda: admin.delete(name))
    return JsonAnswer({"index": name, "deleted": True})


@router.post("/snapshots", status_code=201)
async def make_snapshot(request: Request, name: str, wanted: NewSnapshot | None = None) -> Response:
    """Put the last commit of an index aside."""
    admin: Administration = request.app.state.administration
    snapshot = wanted.snapshot if wanted else None
    made = await run_in_threadpool(admin.snapshot, name, snapshot)
    return JsonAnswer({"index": name, **made}, 201)


@router.get("/snapshots")
async def list_snapshots(request: Request, name: str) -> Response:
    """List the snapshots of an index, also when the index itself is gone."""
    admin: Administration = request.app.state.administration
    found = await run_in_threadpool(admin.snapshots, name)
    return JsonAnswer({"index": name, "snapshots": found})


@router.delete("/snapshots/{snapshot}")
async def delete_snapshot(request: Request, name: str, snapshot: str) -> Response:
    """Remove a snapshot."""
    admin: Administration = request.app.state.administration
    await run_in_threadpool(admin.delete_snapshot, name, snapshot)
    return JsonAnswer({"index": name, "snapshot": snapshot, "deleted": True})


@router.post("/restore")
async def restore_snapshot(request: Request, name: str, wanted: Restoration) -> Response:
    """Make an index of a snapshot, under a new name or in place of what is there."""
    admin: Administration = request.app.state.administration

    def work() -> dict[str, Any]:
        of = wanted.of or name
        manifest = admin.restore(name, wanted.snapshot, of, replace=wanted.replace)
        n_docs = sum(one.n_docs - one.n_deleted for one in manifest.segments)
        return {"index": name, "commit": manifest.commit, "n_docs": n_docs}

    return JsonAnswer(await _in_turn(request, name, work))


async def _in_turn(request: Request, name: str, work: Callable[[], Result]) -> Result:
    """Do what changes an index after the changes that were accepted before."""
    writing: Writing = request.app.state.writing
    future = writing.lanes.reserve(checked_name(name)).run(work)
    return await asyncio.shield(asyncio.wrap_future(future))
