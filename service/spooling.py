"""How is a stream received? Onto the disk, within limits, so that memory does not grow with it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from lsr.index.storage import disk_errors, sync_folder
from lsr.service.problems import Problem
from lsr.service.settings import Settings

LINE_TYPES = ("application/x-ndjson", "application/ndjson", "application/jsonl")
"""Content types of lines. A page of another site cannot send these without being allowed to."""


def refuse_other_types(request: Request) -> None:
    """Refuse a body that does not say that it is lines of JSON, uncompressed.

    Raises:
        Problem: it does not.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in LINE_TYPES:
        raise Problem(
            415,
            "unsupported-media-type",
            f"The body is {content_type[:80]!r}, but must be lines of JSON; send them as "
            f"Content-Type: {LINE_TYPES[0]}.",
        )
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise Problem(
            415,
            "unsupported-media-type",
            f"The body is compressed ({encoding[:40]!r}); send it as it is.",
        )


async def spool(chunks: AsyncIterator[bytes], path: Path, settings: Settings) -> None:
    """Write a stream of lines to a file, and force it to the disk.

    Args:
        chunks: the stream.
        path: the file.
        settings: the longest line and the largest stream.

    Raises:
        Problem: a line or the stream is too long; what was written stays for the caller to remove.
        DiskFullError: there is no room for it.
    """
    size, number, line_size = 0, 1, 0
    with disk_errors(path), path.open("wb") as file:
        async for chunk in chunks:
            size += len(chunk)
            if size > settings.max_stream_bytes:
                raise Problem(
                    413,
                    "stream-too-large",
                    f"The stream is longer than {settings.max_stream_bytes:,} bytes; send it in "
                    "parts.",
                )
            first, *others = chunk.split(b"\n")
            lengths = [line_size + len(first), *map(len, others)]
            longest = max(lengths)
            if longest > settings.max_line_bytes:
                raise Problem(
                    413,
                    "line-too-long",
                    f"Line {number + lengths.index(longest)} is longer than "
                    f"{settings.max_line_bytes:,} bytes, which no record may be; split it.",
                )
            number, line_size = number + len(others), lengths[-1]
            file.write(chunk)
        file.flush()
        await run_in_threadpool(os.fsync, file.fileno())
    await run_in_threadpool(sync_folder, path.parent)
