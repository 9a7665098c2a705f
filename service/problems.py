"""How does a request fail? With problem+json (RFC 9457): a stable code, the field, the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from lsr.errors import (
    ConfigError,
    DiskFullError,
    DuplicateIdError,
    IndexExistsError,
    IndexLockedError,
    IndexNotFoundError,
    InvalidInputError,
    LsrError,
)

MEDIA_TYPE = "application/problem+json"

_OF_ERRORS: list[tuple[type[LsrError], int, str]] = [
    (DuplicateIdError, 409, "duplicate-id"),
    (InvalidInputError, 422, "invalid-input"),
    (IndexNotFoundError, 404, "index-not-found"),
    (IndexExistsError, 409, "index-exists"),
    (IndexLockedError, 503, "index-locked"),
    (DiskFullError, 507, "disk-full"),
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
    def of(error: LsrError) -> Problem:
        """Return the problem that an error is to a client."""
        for kind, status, code in _OF_ERRORS:
            if isinstance(error, kind):
                return Problem(status, code, str(error))
        return Problem(500, "index-failed", str(error))

    def response(self, request: Request) -> Response:
        """Return the answer to `request`."""
        body: dict[str, Any] = {
            "type": f"urn:lsr:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "instance": request.url.path,
        }
        if self.errors:
            body["errors"] = self.errors
        content = msgspec.json.encode(body)
        return Response(content, self.status, self.headers, media_type=MEDIA_TYPE)


def handle_problems(app: FastAPI) -> None:
    """Answer every failure of `app` with problem+json."""

    @app.exception_handler(Problem)
    def problem(request: Request, error: Problem) -> Response:
        return error.response(request)

    @app.exception_handler(LsrError)
    def refused(request: Request, error: LsrError) -> Response:
        return Problem.of(error).response(request)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> Response:
        fields = [
            FieldError(".".join(map(str, one["loc"][1:])) or str(one["loc"][0]), one["msg"])
            for one in error.errors()
        ]
        detail = "; ".join(f"{one.field}: {one.detail}" for one in fields)
        return Problem(422, "invalid-request", detail, errors=fields).response(request)

    @app.exception_handler(HTTPException)
    def of_framework(request: Request, error: HTTPException) -> Response:
        code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
        headers = dict(error.headers or {})
        return Problem(error.status_code, code, error.detail, headers=headers).response(request)

    @app.exception_handler(Exception)
    def unexpected(request: Request, error: Exception) -> Response:
        detail = "The service failed on this request; its log says more."
        return Problem(500, "internal-error", detail).response(request)
