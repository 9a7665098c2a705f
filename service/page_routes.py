"""Where is the search page? At /, with a reference of the paths at /docs; files as they lie."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple

import xxhash
from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}

POLICY = "; ".join(
    [
        "default-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "object-src 'none'",
        # What documents say becomes text, never markup: the browser refuses innerHTML and the like.
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)
"""What the browser lets the page do: load its own files and ask its own server, nothing else."""


class _File(NamedTuple):
    content: bytes
    media_type: str
    tag: str


def page_router() -> APIRouter:
    """Return the routes of the page, its files read into memory."""
    router = APIRouter(include_in_schema=False)
    stored = {one.name: _read(one.name, one.read_bytes()) for one in _folder().iterdir()}

    @router.get("/")
    async def page(request: Request) -> Response:
        return _answer(request, stored["index.html"])

    @router.get("/docs")
    async def reference(request: Request) -> Response:
        return _answer(request, stored["reference.html"])

    @router.get("/page/{name}")
    async def file(request: Request, name: str) -> Response:
        if name not in stored:
            raise HTTPException(404)
        return _answer(request, stored[name])

    return router


def _folder() -> Traversable:
    return files("lsr.service").joinpath("page")


def _read(name: str, content: bytes) -> _File:
    return _File(content, _TYPES[name.rpartition(".")[2]], f'"{xxhash.xxh3_64_hexdigest(content)}"')


def _answer(request: Request, file: _File) -> Response:
    # Asked for again on each visit, so that a new version is seen at once; 304 while it is not.
    headers = {"ETag": file.tag, "Cache-Control": "no-cache", "Content-Security-Policy": POLICY}
    if file.tag in request.headers.get("If-None-Match", ""):
        return Response(status_code=304, headers=headers)
    return Response(file.content, headers=headers, media_type=file.media_type)
