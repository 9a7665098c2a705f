import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filter_strategies import FIELDS, values_of_a_document
from lsr.index import FieldKind, FieldSummary, summarized_fields
from lsr.index.fields import Value
from lsr.retrieval import Index

NUMBERS = (FieldKind.INT, FieldKind.FLOAT)
Rows = list[dict[str, Value]]


def built(path: Path, *commits: Rows, deleted: set[int] = frozenset()) -> Index:  # type: ignore[assignment]
    """Make an index with a segment per commit; documents are called 0, 1, 2 ... throughout."""
    index = Index.create(path, fields=FIELDS)
    number = 0
    for rows in commits:
        with index.writer() as writer:
            for row in rows:
                writer.add_documents([{"id": str(number), "vector": {"a": 1.0}, **row}])
                number += 1
            writer.commit()
    with index.writer() as writer:
        for one in deleted:
            writer.delete(str(one))
        writer.commit()
    return index


def expected(rows: Rows, n_values: int) -> list[FieldSummary]:
    """Say in plain Python what `summarized_fields` must return."""
    summaries = []
    for name, kind in FIELDS.items():
        found: list[Any] = [row[name] for row in rows if row.get(name) not in (None, "", [])]
        summary = FieldSummary(name, kind, len(found))
        if kind in NUMBERS:
            least, most = min(found, default=None), max(found, default=None)
            summary = FieldSummary(name, kind, len(found), least, most)
        else:
            named = [set(one) if kind is FieldKind.TAGS else {one} for one in found]
            counts = Counter(value for one in named for value in one if value != "")
            ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
            summary = FieldSummary(
                name, kind, len(found), None, None, len(counts), ranked[:n_values]
            )
        summaries.append(summary)
    return summaries


@given(
    st.lists(st.lists(values_of_a_document, min_size=1, max_size=5), min_size=1, max_size=3),
    st.sets(st.integers(0, 14)),
)
@settings(deadline=None, max_examples=30)
def test_counts_the_values_of_documents_that_are_there(commits: list[Rows], gone: set[int]) -> None:
    rows = [row for commit in commits for row in commit]
    deleted = {number for number in gone if number < len(rows)}
    with tempfile.TemporaryDirectory() as folder:
        index = built(Path(folder, "idx"), *commits, deleted=deleted)

        found = summarized_fields(index.searcher, n_values=3)

    left = [row for number, row in enumerate(rows) if number not in deleted]
    assert found == expected(left, n_values=3)


def test_an_index_without_fields_has_none(tmp_path: Path) -> None:
    index = Index.build(tmp_path / "idx", [("a", {"cat": 1.0})])

    assert summarized_fields(index.searcher, n_values=3) == []


def test_a_tag_that_a_document_repeats_counts_once(tmp_path: Path) -> None:
    documents = [{"id": "a", "vector": {"x": 1.0}, "tags": ["red", "red", "blue"]}]
    index = Index.build(tmp_path / "idx", documents, fields={"tags": "tags"})

    (summary,) = summarized_fields(index.searcher, n_values=3)

    assert summary.most_frequent == [("blue", 1), ("red", 1)]
    assert (summary.n_docs, summary.n_distinct) == (1, 2)


@pytest.mark.parametrize("n_values", [0, 1, 2])
def test_names_no_more_values_than_wanted(tmp_path: Path, n_values: int) -> None:
    documents = [{"id": one, "vector": {"x": 1.0}, "name": one} for one in "abc"]
    index = Index.build(tmp_path / "idx", documents, fields={"name": "str"})

    (summary,) = summarized_fields(index.searcher, n_values)

    assert summary.most_frequent == [("a", 1), ("b", 1)][:n_values]
    assert summary.n_distinct == 3
