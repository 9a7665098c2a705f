"""How do the searches, which are most of all requests, get to their functions? Directly.

The framework resolves the path and the parameters of every request anew, which takes it longer than
a search takes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from fastapi import Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from lsr.service.json_bodies import StrictRequest, refuse_other_parameters, scopes_of
from lsr.service.problems import invalid_request


class DirectPaths:
    """Answers the requests of some routes without the framework, which only documents these.

    They are routes of one method, whose functions take the request, what the path names, and one
    body. Keys, limits and problems are those of a `StrictRoute`.

    Args:
        app: answers all other requests.
        routes: among them the routes to take over, which are those with a body.
    """

    def __init__(self, app: ASGIApp, routes: Iterable[BaseRoute]) -> None:
        self._app = app
        self._routes = [
            (method, route, _handler(route))
            for route in routes
            if isinstance(route, APIRoute) and route.body_field
            for method in route.methods or ()
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http":
            for method, route, handle in self._routes:
                match = scope["method"] == method and route.path_regex.match(scope["path"])
                if match:
                    scope["route"], scope["path_params"] = route, match.groupdict()
                    response = await handle(StrictRequest(scope, receive))
                    await response(scope, receive, send)
                    return
        await self._app(scope, receive, send)


def _handler(route: APIRoute) -> Callable[[StrictRequest], Awaitable[Response]]:
    """Return what answers the requests of a route."""
    assert route.body_field
    model: Any = route.body_field.field_info.annotation
    assert issubclass(model, BaseModel)
    body = route.body_field.name
    scopes = scopes_of(route)
    function: Callable[..., Awaitable[Response]] = route.endpoint

    async def handle(request: StrictRequest) -> Response:
        for scope in scopes:
            scope.check(request)
        refuse_other_parameters(request, set())
        try:
            values = model.model_validate(await request.checked_json())
        except ValidationError as error:
            errors = [{**one, "loc": ("body", *one["loc"])} for one in error.errors()]
            raise invalid_request(errors) from None
        return await function(request, **request.path_params, **{body: values})

    return handle
