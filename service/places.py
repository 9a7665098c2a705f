"""What do clients read where a message names a file of the server? The index, and no path."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from lsr.errors import LsrError
from lsr.service.problems import Problem


class Places:
    """Puts names in the place of paths.

    Args:
        named: returns what lies where, by path: an index, a model, a folder of the service.
    """

    def __init__(self, named: Callable[[], Mapping[Path, str]]) -> None:
        self._named = named

    def problem_of(self, error: LsrError) -> Problem:
        """Return the problem that an error is to a client."""
        return Problem.of(error, self.hidden(str(error)))

    def hidden(self, text: str) -> str:
        """Return a text in which every path that is known, and what is below it, is a name."""
        named = self._named()
        for path in sorted(named, key=lambda one: -len(one.parts)):
            text = re.sub(rf"{re.escape(str(path))}(/[^\s:;,]*)?(?![\w-])", named[path], text)
        return text
