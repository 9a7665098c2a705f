"""Why does a document have its score? The table that `lsr explain` prints."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from lsr.retrieval import explain_in_words
from lsr.service.answers import JsonAnswer
from lsr.service.catalog import Catalog
from lsr.service.json_bodies import StrictRoute
from lsr.service.keys import Scope, requires
from lsr.service.problems import Problem
from lsr.service.search_messages import SearchRequest, Turn, Vector
from lsr.service.search_questions import question_of
from lsr.service.searching import Searching

router = APIRouter(prefix="/v1/indexes/{name}", route_class=StrictRoute, tags=["search"])


class ExplainRequest(BaseModel):
    """A document and a question: exactly one of `query`, `vector` and `conversation`."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(max_length=512, description="The document.")
    query: str | None = Field(default=None, max_length=100_000)
    vector: Vector | None = None
    conversation: list[Turn] | None = Field(default=None, max_length=1_000)
    commit: int | None = Field(
        default=None, ge=0, description="The commit of the answer that is explained."
    )


@router.post("/explain", dependencies=[Depends(requires(Scope.SEARCH))])
async def explain(request: Request, name: str, wanted: ExplainRequest) -> Response:
    """Return what each word, and each term of it, adds to the score of a document."""
    catalog: Catalog = request.app.state.catalog
    served = catalog[name]
    question = question_of(SearchRequest(**wanted.model_dump(exclude={"id"})))

    def work() -> dict[str, Any]:
        index = served.latest() if wanted.commit is None else served.at(wanted.commit)
        with served.quarantined_if_damaged():
            if index.searcher.doc_number(wanted.id) is None:
                detail = f"The index has no document with the id {wanted.id!r}."
                raise Problem(404, "document-not-found", detail)
            found = explain_in_words(index, question, wanted.id)
        return {"index": name, "commit": index.searcher.manifest.commit, **found.as_dict()}

    searching: Searching = request.app.state.searching
    return JsonAnswer(await searching.run(work))
