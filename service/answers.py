"""How does an answer become bytes? By msgspec, a tenth of the time of the framework's own way."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi.responses import Response


class JsonAnswer(Response):
    """A JSON answer of plain values, which are sent as they are."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return the bytes of the answer."""
        return msgspec.json.encode(content)
