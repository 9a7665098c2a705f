from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filter_strategies import FIELDS, as_json, filters
from lsr.errors import InvalidInputError
from lsr.index.filter_parsing import MAX_CONDITIONS, MAX_FILTER_BYTES, parse_filter
from lsr.index.filters import MAX_DEPTH, AllOf, Comparison, Filter, Operator


@given(filters)
@settings(deadline=None)
def test_text_and_json_are_two_forms_of_one_filter(wanted: Filter) -> None:
    assert parse_filter(str(wanted), FIELDS) == wanted
    assert parse_filter(as_json(wanted), FIELDS) == wanted


def test_a_range_in_json_has_both_ends() -> None:
    found = parse_filter({"field": "year", "ge": 2020, "lt": 2024}, FIELDS)

    assert found == parse_filter("year >= 2020 and year < 2024", FIELDS)


@pytest.mark.parametrize("name", ["and", "or"])
def test_one_part_stands_for_itself(name: str) -> None:
    part = {"exists": "year"}

    assert parse_filter({name: [part]}, FIELDS) == parse_filter(part, FIELDS)


def test_values_become_what_the_field_stores() -> None:
    found = parse_filter("price.eur > 2 and year = '2020' and is-open = 'true'", FIELDS)

    assert isinstance(found, AllOf)
    values = [part.value for part in found.parts if isinstance(part, Comparison)]
    assert [(value, type(value)) for value in values] == [(2.0, float), (2020, int), (True, bool)]


def test_a_date_is_compared_as_its_text() -> None:
    found = parse_filter({"field": "lang", "ge": date(2020, 1, 31)}, FIELDS)

    assert found == Comparison("lang", Operator.GE, "2020-01-31")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("yaer = 2020", r"names the field 'yaer', .* declares lang \(str\), year \(int\), price"),
        ({"not": {"exists": "yaer"}}, "names the field 'yaer', which the index does not declare"),
        ("year = 'soon'", "compares the field 'year' with 'soon', but it is int; .* whole number"),
        ("year = 2020.5", "compares the field 'year' with 2020.5, but it is int"),
        ("year = true", "compares the field 'year' with True, but it is int"),
        ("year = 9223372036854775808", "whole number of up to 64 bits"),
        ("lang in ('en', 3)", "compares the field 'lang' with 3, but it is str"),
        ("topics = 3", "compares the field 'topics' with 3, but it is tags; .* with a string"),
        ("is-open = 1", "compares the field 'is-open' with 1, but it is bool; .* true or false"),
        ("price.eur < 1e999", "compares the field 'price.eur' with inf, .* finite number"),
        ("is-open < true", "orders the field 'is-open' by <, but it is bool, which has no order"),
        ("topics >= 'a'", "orders the field 'topics' by >=, but it is tags, which has no order"),
        ("lang = ''", r"with an empty text, which is no value; write not exists\(lang\)"),
        ({"field": "lang", "eq": "\ud800"}, "The filter cannot be written as JSON"),
        ("lang = '\ud800'", "compares the field 'lang' with"),
    ],
)
def test_a_filter_must_suit_the_declared_fields(source: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message) as info:
        parse_filter(source, FIELDS)

    assert len(str(info.value)) < 300


def test_an_index_without_declared_fields_says_so() -> None:
    with pytest.raises(InvalidInputError, match=r"it declares none\. Fields are declared when"):
        parse_filter("year = 1", {})


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({}, "holds {} where one of these belongs"),
        ([], r"holds \[\] where"),
        ({"and": []}, r"holds {'and': \[\]} where"),
        ({"and": {"exists": "year"}}, "holds {'and': {'exists': 'year'}} where"),
        ({"and": [1]}, "holds 1 where"),
        ({"or": [{"exists": "year"}], "limit": 3}, "holds {.*} where"),
        ({"not": {"exists": "year"}, "and": []}, "holds {.*} where"),
        ({"exists": 3}, "holds {'exists': 3} where"),
        ({"field": "year"}, "holds {'field': 'year'} where"),
        ({"field": ["year"], "eq": 1}, "holds {.*} where"),
        ({"field": "year", "gte": 3}, "asks 'year' for {'gte': 3}, which is none of"),
        ({"field": "year", "eq": None}, "asks 'year' for {'eq': None}"),
        ({"field": "year", "eq": [1]}, r"asks 'year' for {'eq': \[1\]}"),
        ({"field": "year", "in": 3}, "asks 'year' for {'in': 3}"),
        ({"field": "year", "in": []}, r"asks 'year' for {'in': \[\]}"),
        ({"field": "year", "in": [1, None]}, r"asks 'year' for {'in': \[1, None\]}"),
        ({"field": "year", "ge": 1, "lt": None}, "asks 'year' for {'lt': None}"),
        ({"field": "year", "eq": object()}, "The filter cannot be written as JSON"),
        ({"field": "year", "eq": 10**5000}, "The filter cannot be written as JSON"),
        ({"field": "year", "eq": 10**4000}, "compares the field 'year' with 1000.*, but it is int"),
        ({"field": "price.eur", "eq": float("nan")}, "asks 'price.eur' for {'eq': None}"),
        (None, "holds None where"),
        (b"year = 1", "holds '.*' where"),
    ],
)
def test_json_of_another_shape_is_refused(source: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message) as info:
        parse_filter(source, FIELDS)

    assert len(str(info.value)) < 400


def _nested(depth: int) -> dict[str, Any]:
    source: dict[str, Any] = {"exists": "year"}
    for _ in range(depth):
        source = {"not": source}
    return source


def test_nesting_is_limited() -> None:
    deepest = MAX_DEPTH
    parse_filter("(" * deepest + "year = 1" + ")" * deepest, FIELDS)
    parse_filter("not " * deepest + "year = 1", FIELDS)
    found = parse_filter(_nested(deepest), FIELDS)

    assert parse_filter(str(found), FIELDS) == found
    for bomb in (
        "(" * (deepest + 1) + "year = 1" + ")" * (deepest + 1),
        "not " * (deepest + 1) + "year = 1",
        "(" * 10_000,
        "not " * 10_000,
        "not (" * 10_000,
        _nested(deepest + 1),
        _nested(10_000),
        _nested(200_000),
    ):
        with pytest.raises(InvalidInputError, match=r"The filter is nested .* flatten it"):
            parse_filter(bomb, FIELDS)


def test_size_is_limited() -> None:
    longest = "year = 1" + " " * (MAX_FILTER_BYTES - 8)
    parse_filter(longest, FIELDS)

    for bomb in (
        longest + " ",
        "lang = '" + "é" * (MAX_FILTER_BYTES // 2) + "'",
        "year = 1 or " * 90_000,
        "'" * (1 << 20),
        {"field": "lang", "in": ["x" * 100] * 10_000},
        {"field": "lang", "eq": "x" * (1 << 20)},
    ):
        with pytest.raises(InvalidInputError, match="bytes, but may have 65,536; shorten it"):
            parse_filter(bomb, FIELDS)


def test_conditions_are_limited_but_values_are_not() -> None:
    parse_filter(" or ".join(["year = 1"] * MAX_CONDITIONS), FIELDS)
    parse_filter(f"year in ({', '.join(['1'] * 10_000)})", FIELDS)

    with pytest.raises(InvalidInputError, match=r"more than 256 conditions; .* in one: FIELD in"):
        parse_filter(" or ".join(["year = 1"] * (MAX_CONDITIONS + 1)), FIELDS)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("year"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["and", "or", "not", "exists", "field", "eq", "in", "lt"]) | st.text(),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["and", "or", "not", "exists", "field", "eq"]), _JSON))
@settings(deadline=None, max_examples=300)
def test_any_json_is_read_or_refused(source: dict[str, Any]) -> None:
    try:
        found = parse_filter(source, FIELDS)
    except InvalidInputError:
        return
    assert parse_filter(str(found), FIELDS) == found
