"""Where are indexes searched? POST for programs, GET for curl and browsers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from lsr.service.answers import JsonAnswer
from lsr.service.catalog import Catalog
from lsr.service.json_bodies import StrictRoute
from lsr.service.search_messages import SearchAnswer, SearchRequest
from lsr.service.searching import answered
from lsr.service.settings import Settings

router = APIRouter(prefix="/v1/indexes/{name}", route_class=StrictRoute, tags=["search"])


@router.post("/search", response_model=SearchAnswer)
async def search(request: Request, name: str, wanted: SearchRequest) -> Response:
    """Search an index by text, by a vector of term weights or by a conversation."""
    return await _answer(request, name, wanted)


@router.get("/search", response_model=SearchAnswer)
async def search_by_address(
    request: Request,
    name: str,
    q: Annotated[str, Query(description="The question, as text.", max_length=10_000)],
    k: Annotated[int, Query(ge=1)] = 10,
    offset: Annotated[int, Query(ge=0)] = 0,
    where: Annotated[str | None, Query(alias="filter")] = None,
    explain: bool = False,
    highlight: bool = False,
) -> Response:
    """Search an index by text."""
    wanted = SearchRequest(
        query=q, k=k, offset=offset, filter=where, explain=explain, highlight=highlight
    )
    return await _answer(request, name, wanted)


async def _answer(request: Request, name: str, wanted: SearchRequest) -> Response:
    catalog: Catalog = request.app.state.catalog
    settings: Settings = request.app.state.settings
    served = catalog[name]

    def work() -> JsonAnswer:
        index = served.latest() if wanted.commit is None else served.at(wanted.commit)
        return JsonAnswer(answered(name, index, wanted, settings))

    return await run_in_threadpool(work)
