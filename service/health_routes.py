"""Is the service alive, can it answer, and how does it fare?"""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST

from lsr.service.answers import JsonAnswer
from lsr.service.catalog import Catalog
from lsr.service.json_bodies import StrictRoute
from lsr.service.keys import Scope, requires

router = APIRouter(tags=["operations"], route_class=StrictRoute)


@router.get("/livez")
async def is_alive() -> Response:
    """Say that the process answers."""
    return JsonAnswer({"status": "ok"})


@router.get("/readyz", responses={503: {"description": "The service is not ready yet."}})
async def is_ready(request: Request) -> Response:
    """Say whether searches are answered at once, of which commits, and which indexes are not.

    An index that cannot be opened does not make the others unready.
    """
    catalog: Catalog = request.app.state.catalog
    is_warm: bool = request.app.state.warming.is_done
    searchers = catalog.searchers()
    answer = {
        "status": "ok" if is_warm else "warming",
        "commits": {name: searcher.manifest.commit for name, searcher in searchers.items()},
        "quarantined": sorted(served.name for served in catalog if served.fault),
    }
    return JsonAnswer(answer, status_code=200 if is_warm else 503)


@router.get("/metrics", dependencies=[Depends(requires(Scope.ADMIN))])
async def metrics(request: Request) -> Response:
    """Return counts and times in the text format of Prometheus."""
    return Response(request.app.state.metrics.text(), media_type=CONTENT_TYPE_LATEST)
