"""How does a request fail? With problem+json (RFC 9457): a stable code, the field, the remedy."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lsr.errors import (
    ConfigError,
    CorruptIndexError,
    DiskFullError,
    DuplicateIdError,
    FormatVersionError,
    IndexExistsError,
    IndexLockedError,
    IndexNotFoundError,
    InvalidInputError,
    LsrError,
    ShardMissingError,
)

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

LONGEST_DETAIL = 1_000
"""Characters of a client's input that an answer may repeat."""

_OF_FRAMEWORK = {
    404: "There is nothing at this address; /openapi.json lists the paths that there are.",
    405: "This path does not take this method; the header Allow names those that it takes.",
}
"""What to say where the framework says one word."""

_TITLES = {499: "Client Closed Request"}
"""Of the statuses that HTTP does not know."""

UNFORESEEN = "internal-error"

MOST_ERRORS = 10
"""Fields at fault that an answer names."""

_OF_ERRORS: list[tuple[type[LsrError], int, str]] = [
    (DuplicateIdError, 409, "duplicate-id"),
    (InvalidInputError, 422, "invalid-input"),
    (IndexNotFoundError, 404, "index-not-found"),
    (IndexExistsError, 409, "index-exists"),
    (IndexLockedError, 503, "index-locked"),
    (DiskFullError, 507, "disk-full"),
    (CorruptIndexError, 503, "index-corrupt"),
    (FormatVersionError, 503, "index-corrupt"),
    (ShardMissingError, 503, "shard-missing"),
    (ConfigError, 422, "not-supported-by-index"),
]
"""Status and code of each error that a request can cause; the first class that fits counts."""


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field of a request.

    Attributes:
        field: a path into the body or the query string, such as ``vector.cat``.
        detail: what is wrong with it.
    """

    field: str
    detail: str


class Problem(Exception):
    """A request cannot be answered as it stands.

    Args:
        status: HTTP status.
        code: stable name of the problem, for programs.
        detail: one or two sentences: what, where, and what to do.
        errors: the fields at fault.
        headers: more headers of the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}

    @staticmethod
    def of(error: LsrError, detail: str) -> Problem:
        """Return the problem that an error is to a client.

        Args:
            error: what went wrong.
            detail: its message, fit for clients (`lsr.service.places`).
        """
        for kind, status, code in _OF_ERRORS:
            if isinstance(error, kind):
                return Problem(status, code, detail)
        return Problem(500, "index-failed", detail)

    def response(self, scope: Mapping[str, Any]) -> Response:
        """Return the answer to the request of an ASGI scope."""
        content = msgspec.json.encode(self.body(scope))
        return Response(content, self.status, self.headers, media_type=MEDIA_TYPE)

    def body(self, scope: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer's values.

        Args:
            scope: the ASGI scope of the request.
        """
        body: dict[str, Any] = {
            "type": f"urn:lsr:problem:{self.code}",
            "title": _TITLES.get(self.status) or HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": _sendable(self.detail),
            "instance": _sendable(scope["path"]),
        }
        if request_id := scope.get("lsr.request_id"):
            body["request_id"] = request_id
        if self.errors:
            body["errors"] = [
                FieldError(_sendable(one.field), _sendable(one.detail)) for one in self.errors
            ]
        return body


def _sendable(text: str) -> str:
    """Return a text without half characters, and not longer than anybody would read."""
    whole = text.encode("utf-8", "replace").decode()
    return whole if len(whole) <= LONGEST_DETAIL else whole[:LONGEST_DETAIL] + "..."


class ProblemAnswers:
    """Answers whatever goes wrong inside with problem+json.

    Args:
        app: answers requests.
        of_error: returns the problem that an error of the engine is to a client.
    """

    def __init__(self, app: ASGIApp, of_error: Callable[[LsrError], Problem]) -> None:
        self._app = app
        self._of_error = of_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request.

        Raises:
            Exception: the answer has begun, or nobody foresaw this; the server's log says more.
        """
        has_begun = False

        async def send_on(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_on)
        except Exception as error:
            if scope["type"] != "http" or has_begun:
                raise
            problem = self._problem_of(error)
            if isinstance(error, LsrError) and problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                logger.error("%s: %s", scope.get("lsr.request_id"), error)
            answer, is_unforeseen = problem.response(scope), problem.code == UNFORESEEN
            # It holds this frame: by a name here it would keep the request, and the connection of a
            # client that is to be cut off, until garbage is collected.
            del problem
            await answer(scope, receive, send)
            if is_unforeseen:
                raise

    def _problem_of(self, error: Exception) -> Problem:
        match error:
            case Problem():
                return error
            case LsrError():
                return self._of_error(error)
            case RequestValidationError():
                return invalid_request(error.errors())
            case HTTPException(status_code=status):
                code = HTTPStatus(status).phrase.lower().replace(" ", "-")
                detail = _OF_FRAMEWORK.get(status, error.detail)
                return Problem(status, code, detail, headers=dict(error.headers or {}))
            case _:
                detail = "The service failed on this request; its log says more."
                return Problem(500, UNFORESEEN, detail)


def invalid_request(errors: Sequence[Any]) -> Problem:
    """Return the problem of a request whose values pydantic refuses.

    Args:
        errors: as `ValidationError.errors` returns them, places beginning with the request's part.
    """
    fields = [
        FieldError(".".join(map(str, one["loc"][1:])) or str(one["loc"][0]), one["msg"])
        for one in errors[:MOST_ERRORS]
    ]
    detail = "; ".join(f"{one.field[:100]}: {one.detail}" for one in fields)
    return Problem(422, "invalid-request", detail, errors=fields)
