"""What may an operator decide? Limits, places and times, from the command line and environment."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of a service; each can be given as ``LSR_SERVE_NAME`` in the environment.

    Attributes:
        keys: file of the keys that requests need; None to need none.
        max_body_bytes: largest body of a request, other than a stream of documents.
        max_k: most hits of one search.
        deepest_hit: deepest hit of a page: `k` and `offset` together.
        max_batch: most searches of one request.
        pinned_snapshots: commits of an index that are kept open for readers of their pages.
        pinned_seconds: how long a commit is kept open after it was last asked for.
        timeout_ms: longest time for a search, unless it asks for less.
        max_stream_bytes: largest stream of documents.
        max_line_bytes: longest line of a stream.
        max_queued_writes: changes of one index that wait or are being made.
        writer_memory_bytes: what changing an index may take, beside the model.
        kept_tasks: finished tasks that are remembered.
        models: what clients may make indexes and encode texts with: by name, a short name, a
            folder or a hub id.
        max_encode_texts: most texts of a request to encode.
        max_waiting: searches that may wait; more are refused with 429.
        workers: threads that score.
        body_patience_s: how long to wait for a slow body, whatever its size.
        body_bytes_per_s: bytes of a body that buy it another second.
        drain_s: how long requests may take to end when the service is told to stop.
        log_requests: write one line a request to stderr.
        log_queries: write queries into these lines; they may be private.
    """

    model_config = SettingsConfigDict(env_prefix="LSR_SERVE_", extra="forbid", frozen=True)

    keys: Path | None = None
    max_body_bytes: int = Field(default=1_000_000, ge=1_000)
    max_k: int = Field(default=1_000, ge=1)
    deepest_hit: int = Field(default=10_000, ge=1)
    max_batch: int = Field(default=100, ge=1)
    pinned_snapshots: int = Field(default=8, ge=1)
    pinned_seconds: float = Field(default=300.0, gt=0)
    timeout_ms: int = Field(default=10_000, ge=1)
    max_stream_bytes: int = Field(default=1 << 30, ge=1_000)
    max_line_bytes: int = Field(default=4 << 20, ge=100, le=64 << 20)
    max_queued_writes: int = Field(default=16, ge=1)
    writer_memory_bytes: int = Field(default=512_000_000, ge=320_000_000)
    kept_tasks: int = Field(default=100, ge=1)
    models: dict[str, str] = Field(default_factory=dict)
    max_encode_texts: int = Field(default=256, ge=1)
    max_waiting: int = Field(default=256, ge=1)
    workers: int = Field(default_factory=lambda: max(2, os.cpu_count() or 2), ge=1)
    body_patience_s: float = Field(default=20.0, gt=0)
    body_bytes_per_s: float = Field(default=1_000.0, gt=0)
    drain_s: float = Field(default=10.0, gt=0)
    log_requests: bool = True
    log_queries: bool = False
