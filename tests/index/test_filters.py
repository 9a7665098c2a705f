from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lsr.index.field_columns as module
from filter_strategies import FIELDS, filters, lets_through, values_of_a_document
from lsr.documents import Document
from lsr.index.field_columns import FieldColumns, FieldColumnsWriter
from lsr.index.fields import Value
from lsr.index.filter_parsing import parse_filter
from lsr.index.filters import Filter, matching


@pytest.fixture(scope="module", autouse=True)
def small_chunks() -> Iterable[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK_DOCS", 3)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("columns")


def _columns(path: Path, rows: list[dict[str, Value]]) -> FieldColumns:
    writer = FieldColumnsWriter(path, FIELDS)
    writer.add([Document(str(number), metadata=row) for number, row in enumerate(rows)])
    return FieldColumns(path, writer.close(), FIELDS, len(rows))


@given(st.lists(values_of_a_document, max_size=10), st.lists(filters, min_size=1, max_size=5))
@settings(deadline=None, max_examples=200)
def test_equals_plain_python(
    folder: Path, rows: list[dict[str, Value]], several: list[Filter]
) -> None:
    columns = _columns(folder / "a.arrays", rows)

    for wanted in several:
        mask = matching(parse_filter(str(wanted), FIELDS), columns)

        assert mask.dtype == np.bool_
        assert mask.tolist() == [lets_through(wanted, row) for row in rows], str(wanted)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("year = 2020", [True, False, False]),
        ("year < 2021", [True, False, False]),
        ("year <= 2020", [True, False, False]),
        ("year > 2020", [False, True, False]),
        ("year >= 2021", [False, True, False]),
        ("year in (2020, 2021)", [True, True, False]),
        ("not year = 2020", [False, True, True]),
        ("not year in (2020, 2021)", [False, False, True]),
        ("exists(year)", [True, True, False]),
        ("topics = 'a'", [True, True, False]),
        ("topics in ('b', 'c')", [False, True, False]),
        ("topics = 'a' and topics = 'b'", [False, True, False]),
        ("not topics = 'b'", [True, False, True]),
        ("exists(topics)", [True, True, False]),
    ],
)
def test_a_condition_on_no_value_is_false_and_on_tags_means_any(
    tmp_path: Path, text: str, expected: list[bool]
) -> None:
    rows: list[dict[str, Value]] = [
        {"year": 2020, "topics": ["a"]},
        {"year": 2021, "topics": ["a", "b"]},
        {"year": None, "topics": []},
    ]
    columns = _columns(tmp_path / "a.arrays", rows)

    assert matching(parse_filter(text, FIELDS), columns).tolist() == expected


def test_strings_compare_by_code_point(tmp_path: Path) -> None:
    days = ["2019-12-31", "2020-01-01", "2020-06-30", "2021-01-01"]
    columns = _columns(tmp_path / "a.arrays", [{"lang": day} for day in days])

    mask = matching(parse_filter("lang >= '2020' and lang < '2021'", FIELDS), columns)

    assert mask.tolist() == [False, True, True, False]


def test_zero_has_one_sign(tmp_path: Path) -> None:
    columns = _columns(tmp_path / "a.arrays", [{"price.eur": 0.0}, {"price.eur": -0.0}])

    for text in ("price.eur in (0)", "price.eur in (-0.0)", "price.eur = -0.0"):
        assert matching(parse_filter(text, FIELDS), columns).all()


def test_equal_filters_are_one_key() -> None:
    text = parse_filter("year in (1, 2) and not exists(lang)", FIELDS)
    json = parse_filter(
        {"and": [{"field": "year", "in": [1, 2]}, {"not": {"exists": "lang"}}]}, FIELDS
    )

    assert {text: 1} == {json: 1}
