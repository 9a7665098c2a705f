"""What may an operator decide? Limits, places and times, from TOML and the environment."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of a service; each can be given as ``LSR_SERVE_NAME`` in the environment.

    Attributes:
        max_body_bytes: largest body of a request, other than a stream of documents.
        max_k: most hits of one search, and with its offset the deepest page.
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
    """

    model_config = SettingsConfigDict(env_prefix="LSR_SERVE_", extra="forbid", frozen=True)

    max_body_bytes: int = Field(default=1_000_000, ge=1_000)
    max_k: int = Field(default=1_000, ge=1)
    deepest_hit: int = Field(default=10_000, ge=1)
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
