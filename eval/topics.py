"""What did TREC ask? Topic files, of which the title is the query.

A topic stands between ``<top>`` and ``</top>``: its number after ``<num> Number:``, its title after
``<title>``, up to the next tag. Later tracks write XML: ``<topic number="1">`` with a ``<title>``
or a ``<query>``. Description and narrative are not asked.
"""

from __future__ import annotations

import html
import re
from pathlib import Path

from lsr.corpus import read_queries
from lsr.documents import QueryBatch, checked_id
from lsr.errors import DuplicateIdError, InvalidInputError
from lsr.eval.text_lines import read_lines

_TOPIC = re.compile(r"<top(?:ic)?\b(?P<attributes>[^>]*)>(?P<body>.*?)</top(?:ic)?>", re.S | re.I)
_NUMBER = re.compile(r"<num>\s*(?:Number\s*:)?\s*([^<\s]+)", re.I)
_NUMBER_ATTRIBUTE = re.compile(r"""\bnumber\s*=\s*["']([^"']*)["']""", re.I)
_TITLE = re.compile(r"<(?:title|query)>\s*(?:Topic\s*:)?(.*?)(?=<|\Z)", re.S | re.I)


def read_questions(path: str | Path) -> QueryBatch:
    """Read queries from a file of topics, or from any file that `read_queries` takes.

    Args:
        path: a file whose first character is ``<`` holds topics, plain or compressed.

    Raises:
        DuplicateIdError: two queries have the same id.
        InvalidInputError: the file cannot be read, or a topic lacks a number or a title.
    """
    path = Path(path)
    if path.suffix == ".parquet" or not path.is_file() or not _holds_topics(path):
        return read_queries(path)
    numbered = list(read_lines(path))
    text = "\n".join(line for _, line in numbered)
    questions: dict[str, str] = {}
    for topic in _TOPIC.finditer(text):
        place = f"{path}:{numbered[text.count(chr(10), 0, topic.start())][0]}"
        query_id, question = _numbered_title(topic, place)
        if query_id in questions:
            raise DuplicateIdError(f"{place}: the topic {query_id!r} was there before; keep one.")
        questions[query_id] = question
    if not questions:
        raise InvalidInputError(
            f"{path} holds no whole topic; one goes from <top> to </top>, or from <topic> to "
            "</topic>."
        )
    return QueryBatch(list(questions), list(questions.values()))


def _holds_topics(path: Path) -> bool:
    try:
        _, line = next(read_lines(path), (0, ""))
    except InvalidInputError:  # it is not text; whoever reads it next says what is wrong with it
        return False
    return line.lstrip().startswith("<")


def _numbered_title(topic: re.Match[str], place: str) -> tuple[str, str]:
    number = _NUMBER_ATTRIBUTE.search(topic["attributes"]) or _NUMBER.search(topic["body"])
    title = _TITLE.search(topic["body"])
    if number is None or title is None:
        missing = "number" if number is None else "title"
        raise InvalidInputError(f"{place}: the topic has no {missing}, so it cannot be asked.")
    return checked_id(number[1], place), " ".join(html.unescape(title[1]).split())
