"""What does a search ask? Its request, held to the limits of the service and of its index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from lsr.conversations import Conversation, Question, question_text
from lsr.index import EXACT, Approximation
from lsr.pruning import PruneRule
from lsr.retrieval import Index
from lsr.service.problems import FieldError, Problem
from lsr.service.search_messages import SearchRequest
from lsr.service.settings import Settings


@dataclass(frozen=True, slots=True)
class Plan:
    """What searches must have in common to be ranked together.

    Attributes:
        index: the snapshot.
        depth: hits to find.
        where: the filter, as text or JSON; None for all documents.
        approximation: what may be given up.
        is_hybrid: whether both halves of the index are searched.
    """

    index: Index
    depth: int
    where: str | bytes | None
    approximation: Approximation
    is_hybrid: bool

    @property
    def filter(self) -> str | dict[str, Any] | None:
        """The filter as the request has it."""
        if isinstance(self.where, bytes):
            values: dict[str, Any] = msgspec.json.decode(self.where)
            return values
        return self.where


def question_of(request: SearchRequest) -> Question | dict[str, float]:
    """Return what is asked.

    Raises:
        Problem: nothing or several things are asked.
        InvalidInputError: the conversation is none.
    """
    given = [
        name for name in ("query", "vector", "conversation") if getattr(request, name) is not None
    ]
    if len(given) != 1:
        detail = "Give one of 'query', 'vector' and 'conversation'."
        fields = [FieldError(name, "given beside another question") for name in given]
        raise Problem(422, "invalid-request", detail, errors=fields)
    if request.conversation is not None:
        return Conversation.of([turn.model_dump() for turn in request.conversation])
    question = request.query if request.vector is None else request.vector
    assert question is not None
    return question


def is_empty(question: Question | dict[str, float]) -> bool:
    """Say whether nothing is asked, which has no hits and needs no encoder."""
    return not (question if isinstance(question, dict) else question_text(question, " ").strip())


def plan_of(request: SearchRequest, index: Index, settings: Settings) -> Plan:
    """Return how a search is to be ranked.

    Raises:
        Problem: it wants more hits than there may be.
        LsrError: its rule or filter is malformed.
    """
    if request.k > settings.max_k:
        detail = f"k is {request.k}, but at most {settings.max_k} hits are returned at once."
        raise Problem(422, "invalid-request", detail, errors=[FieldError("k", detail)])
    if request.offset + request.k > settings.deepest_hit:
        detail = f"offset and k go beyond hit {settings.deepest_hit}; narrow the search instead."
        raise Problem(422, "page-too-deep", detail, errors=[FieldError("offset", detail)])
    if request.alpha is not None:
        index.refuse_hybrid()
        if request.vector is not None:
            detail = "A vector has no dense half; ask with a text or a conversation, or no alpha."
            raise Problem(422, "invalid-request", detail, errors=[FieldError("alpha", detail)])
    where = request.filter
    # One hit more than wanted says whether there is another page.
    return Plan(
        index,
        request.offset + request.k + 1,
        msgspec.json.encode(where) if isinstance(where, dict) else where,
        _approximation(request),
        request.alpha is not None,
    )


def timeout_s(request: SearchRequest, settings: Settings) -> float:
    """Return how long a search may take."""
    return min(request.timeout_ms or settings.timeout_ms, settings.timeout_ms) / 1000


def _approximation(request: SearchRequest) -> Approximation:
    if request.prune is None and request.bound_factor == 1 and request.max_ranges is None:
        return EXACT
    rule = PruneRule.parse(request.prune) if request.prune else None
    return Approximation(
        prune=rule, bound_factor=request.bound_factor, max_ranges=request.max_ranges
    )
