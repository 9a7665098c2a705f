"""How does a docstring become text that reads well?

Docstrings carry reST or Markdown markup, doctests and bibliographies. A reader of search results
wants the sentences, and so does an encoder that was trained on sentences.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

MAX_CHARACTERS = 800
"""Longer texts end at the last whole word: the first sentences say what a thing is for."""

_DROPPED_SECTIONS = {
    "example", "examples", "see also", "references", "attributes", "methods",
}  # fmt: skip
_DIRECTIVES_WITH_PROSE = {"note", "warning", "tip", "important", "caution", "attention", "hint"}

_PLACEHOLDER = re.compile(r"\s*(%\(\w+\)s|\{\w+\})\s*")
_ROLE = re.compile(r":[\w:+-]+:(?=`)")
_LINK = re.compile(r"`([^`<]+?)\s*<[^`>]*>`_{0,2}")
_MARKDOWN_LINK = re.compile(r"\[([^\]\[]+)\]\((?:[^()\s]+)\)")
_MARKDOWN_NAME = re.compile(r"\[`([^`\n]+)`\]")
_QUOTED = re.compile(r"`+[~.!]?([^`\n]*)`+_{0,2}")
_EMPHASIS = re.compile(r"(?<![\w*\\])\*{1,2}(?=[\w(])([^*\n]+?)(?<=[\w.)!?:])\*{1,2}(?![\w*])")
_CITATION = re.compile(r"\s?\[[\w, ]+\]_(?!\w)")
_HTML_TAG = re.compile(r"</?[A-Za-z][^<>:\n]*>")
_UNDERLINE = re.compile(r"\s*([-=~^\"'`#*+])\1{2,}\s*")
_DIRECTIVE = re.compile(r"(\s*)\.\. *([\w:-]*?)::\s*(.*)")
_DOCTEST = re.compile(r"\s*(>>>|In \[\d+\]:)")
_FENCE = re.compile(r"\s*(```|~~~)")


def readable_prose(docstring: str) -> str:
    """Return the sentences of a docstring: no markup, no code, at most `MAX_CHARACTERS`."""
    lines = inspect.cleandoc(docstring).splitlines()
    text = _without_markup("\n".join(_lines_of_prose(lines)))
    return _shortened(re.sub(r"[ \t]*\n\s*?(?=\n|\Z)", "", text).strip())


def _lines_of_prose(lines: list[str]) -> Iterator[str]:
    """Leave out code, doctests, directives, bibliographies and the lines under headings."""
    in_code_deeper_than = -1
    in_fence = in_doctest = in_dropped_section = False
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        indent = len(line) - len(line.lstrip())
        if _FENCE.match(line):
            in_fence = not in_fence
            continue
        if _is_heading(line, following):
            in_dropped_section = line.strip(" :").lower() in _DROPPED_SECTIONS
        in_doctest = bool(_DOCTEST.match(line)) or (in_doctest and bool(line.strip()))
        if line.strip() and indent <= in_code_deeper_than:
            in_code_deeper_than = -1
        if in_fence or in_doctest or in_dropped_section or in_code_deeper_than >= 0:
            continue
        if _UNDERLINE.fullmatch(line) or _PLACEHOLDER.fullmatch(line):
            continue
        directive = _DIRECTIVE.match(line)
        if directive is None and line.lstrip().startswith(".. "):
            in_code_deeper_than = indent
        elif directive is None:
            yield line[:-1] if line.endswith("::") else line
            if line.endswith("::") and not following.strip():
                in_code_deeper_than = indent
        elif directive[2] in _DIRECTIVES_WITH_PROSE:
            yield directive[1] + directive[3]
        else:
            in_code_deeper_than = indent


def _is_heading(line: str, following: str) -> bool:
    """Tell a heading, underlined as in NumPy's style or ended by a colon as in Google's."""
    if not line.strip() or line.startswith(" "):
        return False
    underlined = bool(_UNDERLINE.fullmatch(following))
    return underlined or bool(re.fullmatch(r"[A-Z][A-Za-z]+( [A-Za-z]+)?:{1,2}", line.strip()))


def _without_markup(text: str) -> str:
    text = _LINK.sub(r"\1", _ROLE.sub("", text))
    text = _MARKDOWN_LINK.sub(r"\1", _MARKDOWN_NAME.sub(r"`\1`", text))
    text = _EMPHASIS.sub(r"\1", _CITATION.sub("", _QUOTED.sub(r"\1", text)))
    return re.sub(r"\\([*_`|])", r"\1", _HTML_TAG.sub("", text))


def _shortened(text: str) -> str:
    if len(text) <= MAX_CHARACTERS:
        return text
    cut = text[: MAX_CHARACTERS - 4]
    return (
        cut[: max(cut.rfind(" "), cut.rfind("\n"), MAX_CHARACTERS // 2)].rstrip(" \n,;:") + " ..."
    )
