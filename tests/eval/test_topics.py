import gzip
from pathlib import Path

import pytest

from lsr.errors import DuplicateIdError, InvalidInputError
from lsr.eval.topics import read_questions

TOPICS = """
<top>
<num> Number: 301
<title> International Organized
  Crime

<desc> Description:
Identify organizations.
</top>

<top>
<head> Tipster Topic Description
<num> Number:  051
<title> Topic: Airbus &amp; subsidies </title>
<narr> never asked
</top>
"""
XML = """<?xml version="1.0"?>
<topics task="covid">
  <topic number="1"><query>coronavirus origin</query><question>what is it?</question></topic>
  <topic type="faceted" number='wt09-2'>
    <title>a &lt; b</title>
  </topic>
</topics>
"""


def test_topics_are_asked_by_their_titles(tmp_path: Path) -> None:
    path = tmp_path / "topics.301-450.gz"
    path.write_bytes(gzip.compress(TOPICS.encode()))

    queries = read_questions(path)

    assert queries.query_ids == ["301", "051"]
    assert queries.questions == ["International Organized Crime", "Airbus & subsidies"]


def test_topics_may_be_xml(tmp_path: Path) -> None:
    path = tmp_path / "topics.xml"
    path.write_text(XML)

    queries = read_questions(path)

    assert dict(zip(queries.query_ids, queries.questions, strict=True)) == {
        "1": "coronavirus origin",
        "wt09-2": "a < b",
    }


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("q.tsv", "q1\tone\nq2\ttwo\n"),
        ("q.jsonl", '{"_id":"q1","text":"one"}\n{"_id":"q2","text":"two"}'),
    ],
)
def test_other_files_are_read_as_queries(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_text(content)

    queries = read_questions(str(path))

    assert (queries.query_ids, queries.questions) == (["q1", "q2"], ["one", "two"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("\n<top>\n<title> x\n</top>", "topics:2: the topic has no number"),
        ("<top>\n<num> 1\n</top>\n<top>\n<num> 2\n<desc> x\n</top>", "topics:1: .* no title"),
        ("<top>\n<num> 1\n<title> x\n", "holds no whole topic"),
        (
            '<topic number="a b"><query>x</query></topic>',
            "topics:1: the id 'a b' holds white space",
        ),
    ],
)
def test_says_which_topic_is_broken(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "topics"
    path.write_text(content)

    with pytest.raises(InvalidInputError, match=message):
        read_questions(path)


def test_refuses_a_topic_that_was_there_before(tmp_path: Path) -> None:
    path = tmp_path / "topics"
    path.write_text("<top>\n<num> 1\n<title> x\n</top>\n" * 2)

    with pytest.raises(DuplicateIdError, match="topics:5: the topic '1' was there before"):
        read_questions(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"absent\.tsv"):
        read_questions(tmp_path / "absent.tsv")
