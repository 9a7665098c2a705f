"""Which indexes are there, and what do they hold?"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from lsr.index import Searcher
from lsr.retrieval import Index
from lsr.service.answers import JsonAnswer
from lsr.service.catalog import Catalog
from lsr.service.example_vector import example_vector
from lsr.service.json_bodies import StrictRoute
from lsr.service.keys import Scope, requires
from lsr.service.problems import Problem

router = APIRouter(
    prefix="/v1/indexes",
    route_class=StrictRoute,
    tags=["indexes"],
    dependencies=[Depends(requires(Scope.SEARCH))],
)


@router.get("")
async def list_indexes(request: Request) -> Response:
    """List the indexes, with their sizes."""
    catalog: Catalog = request.app.state.catalog

    def work() -> list[dict[str, Any]]:
        found = []
        for served in catalog:
            with suppress(Problem):  # /readyz names those that cannot be opened
                found.append(_summary(served.name, served.latest()))
        return found

    return JsonAnswer({"indexes": await run_in_threadpool(work)})


@router.get("/{name}")
async def index_information(request: Request, name: str) -> Response:
    """Return counts, sizes and settings of an index."""
    catalog: Catalog = request.app.state.catalog
    served = catalog[name]

    def work() -> dict[str, Any]:
        index = served.latest()
        facts = index.info()
        del facts["path"]  # where it lies is the operator's business
        return {"name": name, **facts, "example_vector": example_vector(index.searcher)}

    return JsonAnswer(await run_in_threadpool(work))


def _summary(name: str, index: Index) -> dict[str, Any]:
    searcher: Searcher = index.searcher
    return {
        "name": name,
        "commit": searcher.manifest.commit,
        "n_docs": searcher.n_docs,
        "fields": {field: kind.value for field, kind in searcher.manifest.fields.items()},
        "takes_text": index.has_encoder,
        "is_hybrid": bool(searcher.manifest.dense_size),
    }
