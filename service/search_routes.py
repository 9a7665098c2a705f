"""Where are indexes searched? POST for programs, GET for curl and browsers."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from lsr.errors import LsrError
from lsr.service.answers import JsonAnswer
from lsr.service.catalog import Catalog
from lsr.service.departures import WhileConnected
from lsr.service.json_bodies import StrictRoute
from lsr.service.keys import Scope, requires
from lsr.service.places import Places
from lsr.service.problems import FieldError, Problem
from lsr.service.search_messages import BatchAnswer, BatchRequest, SearchAnswer, SearchRequest
from lsr.service.searching import Searching
from lsr.service.settings import Settings

router = APIRouter(
    prefix="/v1/indexes/{name}",
    route_class=StrictRoute,
    tags=["search"],
    dependencies=[Depends(requires(Scope.SEARCH))],
)


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
    commit: Annotated[int | None, Query(ge=0)] = None,
    explain: bool = False,
    highlight: bool = False,
) -> Response:
    """Search an index by text."""
    wanted = SearchRequest(
        query=q,
        k=k,
        offset=offset,
        filter=where,
        commit=commit,
        explain=explain,
        highlight=highlight,
    )
    return await _answer(request, name, wanted)


@router.post("/search/batch", response_model=BatchAnswer)
async def search_batch(request: Request, name: str, wanted: BatchRequest) -> Response:
    """Search an index several times, all from one snapshot.

    A search that fails does not fail the others: `failed` counts them, and each says why.
    """
    settings: Settings = request.app.state.settings
    searching: Searching = request.app.state.searching
    if len(wanted.searches) > settings.max_batch:
        detail = f"At most {settings.max_batch} searches are answered at once."
        errors = [FieldError("searches", detail)]
        raise Problem(422, "invalid-request", detail, errors=errors)
    places: Places = request.app.state.places
    served = _catalog(request)[name]
    index = await served.snapshot(wanted.commit)

    async def one(number: int) -> dict[str, Any] | Problem:
        search = wanted.searches[number]
        try:
            if search.commit is not None:
                detail = "A batch has one commit for all of its searches; give it beside them."
                raise Problem(422, "invalid-request", detail)
            return await searching.answer(searching.begin_from(served, index, search))
        except Problem as problem:
            return problem
        except LsrError as error:
            return places.problem_of(error)

    with WhileConnected(request):
        answers = await asyncio.gather(*(one(number) for number in range(len(wanted.searches))))
    problems = [answer for answer in answers if isinstance(answer, Problem)]
    return JsonAnswer(
        {
            "index": name,
            "commit": index.searcher.manifest.commit,
            "failed": len(problems),
            "answers": [
                {"status": one.status, "code": one.code, "detail": one.detail}
                if isinstance(one, Problem)
                else one
                for one in answers
            ],
        }
    )


async def _answer(request: Request, name: str, wanted: SearchRequest) -> Response:
    searching: Searching = request.app.state.searching
    search = await searching.begin(_catalog(request)[name], wanted)
    values = searching.answer_at_once(search)
    if values is None:
        with WhileConnected(request):
            values = await searching.answer(search)
    scope = request.scope
    scope["lsr.index"], scope["lsr.stages"] = name, values["took_ms"]
    if request.app.state.settings.log_queries:
        scope["lsr.query"] = wanted.query
    return JsonAnswer(values)


def _catalog(request: Request) -> Catalog:
    catalog: Catalog = request.app.state.catalog
    return catalog
