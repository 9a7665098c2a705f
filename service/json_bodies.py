"""How is a JSON body read? Strictly: no NaN, no infinity, no endless nesting."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic_core import from_json

from lsr.service.problems import Problem


class StrictRequest(Request):
    """A request whose JSON is parsed by pydantic's parser, which has limits."""

    async def json(self) -> Any:
        """Return the body's values.

        Raises:
            Problem: it is not JSON as RFC 8259 has it.
        """
        try:
            return from_json(await self.body(), allow_inf_nan=False)
        except ValueError as error:
            raise Problem(
                400, "malformed-json", f"The body is not JSON: {error}; correct it there."
            ) from None


class StrictRoute(APIRoute):
    """A route that reads JSON strictly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        handler = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handler(StrictRequest(request.scope, request.receive))

        return strict
