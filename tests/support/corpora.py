"""Types of the fixtures in tests/corpus/conftest.py."""

from collections.abc import Callable

from lsr.documents import Document

Write = Callable[[str, bytes | str], str]
Skim = Callable[[str], tuple[list[Document], list[str]]]
