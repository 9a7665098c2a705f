"""How is a JSON body read? Strictly: no NaN, no name twice, no endless nesting; keys come first."""

from __future__ import annotations

import email.message
import json
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic_core import from_json

from lsr.service.departures import CLIENT_GONE
from lsr.service.keys import requires
from lsr.service.problems import FieldError, Problem

_CONTAINERS = frozenset({dict, list})


class StrictRequest(Request):
    """A request whose JSON is parsed by pydantic's parser, which has limits."""

    _values: Any
    _content: bytes

    async def body(self) -> bytes:
        """Return the body.

        Raises:
            Problem: it is larger than the service takes.
        """
        if not hasattr(self, "_content"):
            most = self.app.state.settings.max_body_bytes
            chunks, n_bytes = [], int(self.headers.get("content-length", 0))
            if n_bytes <= most:
                n_bytes, has_more = 0, True
                while has_more and n_bytes <= most:
                    message = await self.receive()
                    if message["type"] == "http.disconnect":
                        raise Problem(CLIENT_GONE, "client-gone", "The client has gone.")
                    chunks.append(message.get("body", b""))
                    n_bytes += len(chunks[-1])
                    has_more = message.get("more_body", False)
            if n_bytes > most:
                raise Problem(
                    413,
                    "body-too-large",
                    f"The body has more than {most} bytes; send less at once.",
                    headers={"Connection": "close"},
                )
            self._content = b"".join(chunks)
        return self._content

    async def json(self) -> Any:
        """Return the body's values.

        Raises:
            Problem: it is not JSON as RFC 8259 has it, or names a value twice.
        """
        if not hasattr(self, "_values"):
            content = await self.body()
            try:
                self._values = from_json(content, allow_inf_nan=False)
            except ValueError as error:
                raise Problem(
                    400, "malformed-json", f"The body is not JSON: {error}; correct it there."
                ) from None
            _refuse_repeated_names(content, self._values)
        return self._values

    async def checked_json(self) -> Any:
        """Return the body's values, None for no body, if its header says that it is JSON.

        Raises:
            Problem: see `json`, or it says something else.
        """
        if not await self.body():
            return None
        _refuse_other_types(self)
        return await self.json()


class StrictRoute(APIRoute):
    """A route that asks for a key before it reads anything, and reads JSON strictly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        handler = super().get_route_handler()
        scopes = scopes_of(self)
        takes_json = self.body_field is not None
        parameters = {one.alias for one in self.dependant.query_params}

        async def strict(request: Request) -> Response:
            for scope in scopes:
                scope.check(request)
            refuse_other_parameters(request, parameters)
            request = StrictRequest(request.scope, request.receive)
            if takes_json:
                await request.checked_json()
            return await handler(request)

        return strict


def scopes_of(route: APIRoute) -> list[requires]:
    """Return what keys a route asks for."""
    needed = [one.dependency for one in route.dependencies]
    return [one for one in needed if isinstance(one, requires)]


def refuse_other_parameters(request: Request, known: set[str]) -> None:
    """Refuse what a path does not know, so that nobody believes it were heeded."""
    if not request.scope["query_string"]:
        return
    unknown = sorted(request.query_params.keys() - known)
    if unknown:
        these = f"it takes {', '.join(sorted(known))}" if known else "it takes none"
        detail = f"This path has no parameter {unknown[0][:64]!r}; {these}."
        errors = [FieldError(one, "is not known") for one in unknown[:10]]
        raise Problem(422, "invalid-request", detail, errors=errors)


def _refuse_other_types(request: Request) -> None:
    """Refuse what is not JSON by its header, so that no page elsewhere can send it unasked."""
    given = request.headers.get("content-type", "")
    if given == "application/json":
        return
    message = email.message.Message()
    message["content-type"] = given
    is_json = message.get_content_type() == "application/json" and bool(given)
    if not is_json or (message.get_content_charset() or "utf-8") != "utf-8":
        raise Problem(
            415,
            "not-json",
            f"The body's type is {given!r}; send JSON in UTF-8, with the header "
            "'Content-Type: application/json'.",
        )


def _refuse_repeated_names(content: bytes, values: Any) -> None:
    # A colon follows every name. Where there are no others, each is that of a name that was parsed.
    if content.count(b":") == _n_names(values):
        return

    def unique(pairs: list[tuple[str, Any]]) -> None:
        seen = set()
        for name, _ in pairs:
            if name in seen:
                raise Problem(
                    400, "malformed-json", f"The body gives {name!r} twice in one object."
                )
            seen.add(name)

    # Numbers are not converted: a long one would take long.
    json.loads(content, object_pairs_hook=unique, parse_int=str, parse_float=str)


def _n_names(values: Any) -> int:
    if isinstance(values, dict):
        inner: Iterable[Any] = values.values()
        n_names = len(values)
    elif isinstance(values, list):
        inner, n_names = values, 0
    else:
        return 0
    if _CONTAINERS.isdisjoint(map(type, inner)):  # weights of terms, most of the time
        return n_names
    return n_names + sum(map(_n_names, inner))
