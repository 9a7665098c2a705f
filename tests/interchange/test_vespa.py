"""A feed and a schema for Vespa."""

import json
from pathlib import Path

import pytest

from interchange import stored_values
from lsr.errors import InvalidInputError
from lsr.interchange import export_index
from lsr.interchange.vespa import VESPA
from lsr.retrieval import Index


def test_a_line_puts_a_document(index: Index, tmp_path: Path) -> None:
    export_index(index, "vespa", tmp_path / "out")

    lines = [
        json.loads(line) for line in (tmp_path / "out" / "feed.jsonl").read_bytes().splitlines()
    ]

    assert {
        line["fields"]["doc_id"]: line["fields"]["vector"]["cells"] for line in lines
    } == stored_values(index.searcher)
    assert lines[1]["put"] == "id:lsr:lsr::d1"
    assert lines[1]["fields"]["title"] == "T"
    assert lines[1]["fields"]["text"] == "text 1 \u2028 \N{SNOWMAN}"
    assert json.loads(lines[1]["fields"]["metadata"]) == {"year": 2001}


def test_the_schema_knows_every_field_of_the_feed(index: Index, tmp_path: Path) -> None:
    export_index(index, "vespa", tmp_path / "out")

    schema = (tmp_path / "out" / "lsr.sd").read_text()
    line = json.loads((tmp_path / "out" / "feed.jsonl").read_bytes().splitlines()[0])

    assert all(f"field {name} type" in schema for name in line["fields"])
    assert "document lsr {" in schema
    assert schema.count("{") == schema.count("}")


@pytest.mark.parametrize("letter", ["\0", "\x0b", "\x1f", "\ufdd0", "\U0001fffe", "\U0010ffff"])
@pytest.mark.parametrize("field", ["title", "text"])
def test_characters_that_are_no_text_are_refused(tmp_path: Path, letter: str, field: str) -> None:
    index = Index.create(tmp_path / "idx")
    with index.writer() as writer:
        writer.add({"id": "a", field: f"x{letter}", "vector": {"cat": 1}})
        writer.commit()

    with pytest.raises(InvalidInputError, match="document 'a' holds the character"):
        export_index(index, "vespa", tmp_path / "out")
    assert VESPA.term_problem(f"x{letter}") is not None


@pytest.mark.parametrize("text", ["\t\n\r", "\x7f\x85", "\ufdcf\ufde0\uffff", "\U0001fffd"])
def test_other_characters_are_text(text: str) -> None:
    assert VESPA.term_problem(text) is None
