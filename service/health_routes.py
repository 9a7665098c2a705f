"""Is the service alive, and can it answer?"""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from lsr.service.answers import JsonAnswer
from lsr.service.catalog import Catalog

router = APIRouter(tags=["operations"])


@router.get("/livez")
async def is_alive() -> Response:
    """Say that the process answers."""
    return JsonAnswer({"status": "ok"})


@router.get("/readyz")
async def is_ready(request: Request) -> Response:
    """Say whether every index is open, and at which commit."""
    catalog: Catalog = request.app.state.catalog
    commits = {name: catalog[name].latest().searcher.manifest.commit for name in catalog.names}
    return JsonAnswer({"status": "ok", "commits": commits})
