"""Which values can a filter choose from? The declared fields of an index and what they hold."""

from __future__ import annotations

from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel

from lsr.index import FieldSummary, Searcher, summarized_fields
from lsr.service.answers import JsonAnswer
from lsr.service.catalog import Catalog
from lsr.service.json_bodies import StrictRoute
from lsr.service.keys import Scope, requires

MOST_VALUES = 20
"""Values of a field that are named."""

router = APIRouter(prefix="/v1/indexes/{name}", route_class=StrictRoute, tags=["indexes"])


class ValueCount(BaseModel):
    """A value of a field, and how many documents have it."""

    value: str | bool
    n_docs: int


class FieldAnswer(BaseModel):
    """What the documents hold in a declared field.

    `smallest` and `largest` are of numbers; `n_distinct` and `values`, the most frequent, of
    everything else.
    """

    name: str
    kind: str
    n_docs: int
    smallest: int | float | None
    largest: int | float | None
    n_distinct: int | None
    values: list[ValueCount]


class FieldsAnswer(BaseModel):
    """The declared fields of an index, in order."""

    index: str
    commit: int
    fields: list[FieldAnswer]


class FieldCatalog:
    """What the fields of each snapshot hold, read once and kept as long as the snapshot."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: WeakKeyDictionary[Searcher, list[FieldSummary]] = WeakKeyDictionary()

    def of(self, searcher: Searcher) -> list[FieldSummary]:
        """Return what the fields of a snapshot hold, reading them if nobody asked before."""
        with self._lock:  # also while reading: a second reader would only double the work
            if searcher not in self._known:
                self._known[searcher] = summarized_fields(searcher, MOST_VALUES)
            return self._known[searcher]


@router.get("/fields", response_model=FieldsAnswer, dependencies=[Depends(requires(Scope.SEARCH))])
async def list_fields(request: Request, name: str) -> Response:
    """Return the declared fields, their ranges and their most frequent values."""
    catalog: Catalog = request.app.state.catalog
    fields: FieldCatalog = request.app.state.fields
    served = catalog[name]

    def work() -> dict[str, Any]:
        searcher = served.latest().searcher
        with served.quarantined_if_damaged():
            found = [_as_json(one) for one in fields.of(searcher)]
        return {"index": name, "commit": searcher.manifest.commit, "fields": found}

    return JsonAnswer(await run_in_threadpool(work))


def _as_json(summary: FieldSummary) -> dict[str, Any]:
    return {
        "name": summary.name,
        "kind": summary.kind.value,
        "n_docs": summary.n_docs,
        "smallest": summary.smallest,
        "largest": summary.largest,
        "n_distinct": summary.n_distinct,
        "values": [{"value": value, "n_docs": n} for value, n in summary.most_frequent],
    }
