"""What does a model's JSON file say? Refused where it says nothing of the expected kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lsr.errors import UnsupportedModelError


def read_json(file: Path, kind: type) -> Any:
    """Return the value in a file, a dict or a list as `kind` says.

    Raises:
        UnsupportedModelError: the file is not readable, or holds something else.
    """
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise UnsupportedModelError(f"{file} is not readable JSON ({error}).") from error
    if not isinstance(value, kind):
        expected = "an object" if kind is dict else "a list"
        raise UnsupportedModelError(f"{file} must hold {expected}.")
    return value
