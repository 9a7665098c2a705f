"""How may a search find the best documents?"""

from __future__ import annotations

from enum import IntEnum


class Algorithm(IntEnum):
    """How the best documents are found; all give the same answer."""

    AUTO = 0
    EXHAUSTIVE = 1
    MAXSCORE = 2
