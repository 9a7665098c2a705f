"""What does a model make of a text? Weights of terms, as an index or a configured model has it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from lsr.encoders import Encoder
from lsr.errors import ConfigError
from lsr.service.answers import JsonAnswer
from lsr.service.catalog import Catalog
from lsr.service.json_bodies import StrictRoute
from lsr.service.keys import Scope, requires
from lsr.service.models import Models
from lsr.service.problems import FieldError, Problem
from lsr.service.searching import Searching
from lsr.service.settings import Settings

router = APIRouter(route_class=StrictRoute, tags=["encode"])


class Side(StrEnum):
    """What the texts are: models may treat the two differently."""

    DOCUMENTS = "documents"
    QUERIES = "queries"


class EncodeRequest(BaseModel):
    """Texts, and exactly one of `index` and `model`."""

    model_config = ConfigDict(extra="forbid")

    texts: list[Annotated[str, Field(max_length=100_000)]] = Field(min_length=1)
    index: str | None = Field(default=None, description="Encode as this index does.")
    model: str | None = Field(default=None, description="Encode with this configured model.")
    side: Side = Side.QUERIES
    top_k: int | None = Field(default=None, ge=1, description="Heaviest terms to return; or all.")


class EncodeAnswer(BaseModel):
    """A vector for each text, in their order, heaviest terms first."""

    model: str
    vectors: list[dict[str, float]]


@router.post(
    "/v1/encode", response_model=EncodeAnswer, dependencies=[Depends(requires(Scope.SEARCH))]
)
async def encode(request: Request, wanted: EncodeRequest) -> Response:
    """Encode texts, as documents or as queries."""
    settings: Settings = request.app.state.settings
    if len(wanted.texts) > settings.max_encode_texts:
        detail = f"There are {len(wanted.texts)} texts, but at most {settings.max_encode_texts}."
        raise Problem(422, "invalid-request", detail, errors=[FieldError("texts", "too many")])

    def work() -> dict[str, Any]:
        encoder = _encoder(request, wanted)
        if wanted.side is Side.QUERIES:
            vectors = encoder.encode_queries(wanted.texts)
        else:
            vectors = encoder.encode_documents(wanted.texts)
        name = wanted.model or encoder.model
        return {"model": name, "vectors": encoder.decode(vectors, wanted.top_k)}

    searching: Searching = request.app.state.searching
    return JsonAnswer(await searching.run(work))


def _encoder(request: Request, wanted: EncodeRequest) -> Encoder:
    catalog: Catalog = request.app.state.catalog
    models: Models = request.app.state.models
    if (wanted.index is None) == (wanted.model is None):
        detail = "Give one of 'index' and 'model'."
        fields = [FieldError(name, detail) for name in ("index", "model")]
        raise Problem(422, "invalid-request", detail, errors=fields)
    if wanted.model is not None:
        return models[wanted.model]
    index = catalog[str(wanted.index)].latest()
    if not index.has_encoder:
        raise ConfigError(f"The index {wanted.index!r} was built from vectors and knows no model.")
    return index.encoder
