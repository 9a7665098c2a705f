"""Who may do what? A route names the scope that it needs; keys carry scopes."""

from __future__ import annotations

import logging
from pathlib import Path

from fastapi import Request
from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.security.base import SecurityBase

from lsr.errors import ConfigError
from lsr.service.key_file import Key, Scope, find_key, read_keys
from lsr.service.problems import Problem

logger = logging.getLogger(__name__)

__all__ = ["KeyRing", "Scope", "requires"]


class KeyRing:
    """The keys of a file, which is read again when it changes.

    Args:
        path: the file; None to allow everything to everybody.

    Raises:
        ConfigError: the file cannot be read.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._keys: list[Key] = []
        if path:
            self._refresh(path)

    @property
    def is_open(self) -> bool:
        """Whether no key is needed."""
        return self._path is None

    def check(self, request: Request, scope: Scope) -> None:
        """Refuse a request that has no key with `scope`.

        Raises:
            Problem: 401 without a known key, 403 with one that lacks the scope, 503 when the file
                has changed and cannot be read any more.
        """
        if self._path is None:
            return
        try:
            self._refresh(self._path)
        except ConfigError as error:
            logger.error("%s", error)
            raise Problem(
                503, "keys-unreadable", "The service cannot read its keys; its log says more."
            ) from error
        token = _token(request)
        key = find_key(self._keys, token) if token else None
        if key is None:
            raise Problem(
                401,
                "unknown-key" if token else "key-missing",
                ("The service does not know this key. " if token else "This needs a key. ")
                + "Send one as 'Authorization: Bearer KEY' or as 'X-API-Key: KEY'.",
                headers={"WWW-Authenticate": 'Bearer realm="lsr"'},
            )
        request.scope["lsr.key"] = key.name
        if scope not in key.scopes:
            has = ", ".join(key.scopes)
            raise Problem(
                403,
                "scope-missing",
                f"This needs a key with the scope '{scope}'; the key {key.name!r} has: {has}.",
            )

    def _refresh(self, path: Path) -> None:
        try:
            found = path.stat()
            stamp = (found.st_ino, found.st_mtime_ns, found.st_size)
        except OSError:
            stamp = None
        if stamp is None or stamp != self._stamp:
            self._keys = read_keys(path)
            self._stamp = stamp


class requires(SecurityBase):
    """The dependency of a route that only keys with `scope` may use.

    Use it as ``dependencies=[Depends(requires(Scope.WRITE))]``. Without keys, all is allowed.
    """

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.model = HTTPBearerModel(
            description="A key made by lsr keys create. X-API-Key: KEY is understood as well."
        )
        self.scheme_name = "key"

    async def __call__(self, request: Request) -> None:
        """Refuse a request without such a key."""
        self.check(request)

    def check(self, request: Request) -> None:
        """Refuse a request without such a key.

        Raises:
            Problem: see `KeyRing.check`.
        """
        keys: KeyRing = request.app.state.keys
        keys.check(request, self.scope)


def _token(request: Request) -> str | None:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and token:
        return token.strip()
    return request.headers.get("x-api-key")
