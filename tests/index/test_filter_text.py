import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filter_strategies import filters
from lsr.errors import InvalidInputError
from lsr.index.filter_text import filter_from_text
from lsr.index.filters import (
    AllOf,
    AnyOf,
    Comparison,
    Exists,
    Filter,
    Negation,
    OneOf,
    Operator,
)

A, B, C = Exists("a"), Exists("b"), Exists("c")


@given(filters)
@settings(deadline=None)
def test_text_is_read_back(wanted: Filter) -> None:
    assert filter_from_text(str(wanted)) == wanted


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("exists(a) or exists(b) and exists(c)", AnyOf((A, AllOf((B, C))))),
        ("(exists(a) or exists(b)) and exists(c)", AllOf((AnyOf((A, B)), C))),
        ("not exists(a) and exists(b)", AllOf((Negation(A), B))),
        ("not (exists(a) and exists(b))", Negation(AllOf((A, B)))),
        ("not not((exists(a)))", Negation(Negation(A))),
        ("exists(a) and exists(b) and exists(c)", AllOf((A, B, C))),
        ("  EXISTS ( a )\n\tAnd\nexists(b)  ", AllOf((A, B))),
        ("a=-5", Comparison("a", Operator.EQ, -5)),
        ("a >= +1.5e3", Comparison("a", Operator.GE, 1500.0)),
        ("a = True", Comparison("a", Operator.EQ, True)),
        ("a = 'it''s \"x\"'", Comparison("a", Operator.EQ, 'it\'s "x"')),
        ('a = "it\'s ""x"""', Comparison("a", Operator.EQ, 'it\'s "x"')),
        ("a = ''", Comparison("a", Operator.EQ, "")),
        ("a in ('x')", OneOf("a", ("x",))),
        ("a.b-c in (1,2 , 3)", OneOf("a.b-c", (1, 2, 3))),
        ("and_ = 1", Comparison("and_", Operator.EQ, 1)),
    ],
)
def test_and_binds_closer_than_or_and_not_closest(text: str, tree: Filter) -> None:
    assert filter_from_text(text) == tree


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"column 1: the name of a field, not, exists or \( belongs there, not the end"),
        ("year", "column 5: one of = < <= > >= or in belongs there, not the end"),
        ("year == 3", "column 7: a value such as 2020, .* belongs there, not '='"),
        ("year != 3", "column 6: '!' has no meaning there"),
        ("year = 3 4", "column 10: and, or, or the end belongs there, not '4'"),
        ("lang = en", "column 8: .* a text in quotation marks belongs there, not 'en'"),
        ("lang = 'en", "column 8: a text begins without its closing quotation mark there"),
        ("lang = 'it''", "column 8: a text begins without its closing quotation mark there"),
        ("(year = 3", r"column 10: \) belongs there, not the end"),
        ("year = 3)", r"column 9: and, or, or the end belongs there, not '\)'"),
        ("year in 3", r"column 9: \( belongs there, not '3'"),
        ("year in ()", r"column 10: a value .* belongs there, not '\)'"),
        ("year in (1 2)", r"column 12: \) belongs there, not '2'"),
        ("exists(3)", "column 8: the name of a field belongs there, not '3'"),
        ("exists a", r"column 8: \( belongs there, not 'a'"),
        ("and = 3", "column 1: the name of a field, .* belongs there, not 'and'"),
        ("3 = year", "column 1: the name of a field, .* belongs there, not '3'"),
        ("year = .5", "column 8: '.' has no meaning there"),
        ("year = \u0663", "column 8: .* has no meaning there"),
        ("a = " + "9" * 401, "column 5: a value such as 2020"),
    ],
)
def test_a_mistake_is_named_by_its_column(text: str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=f"^The filter is wrong at {message}.*\\.$") as info:
        filter_from_text(text)

    assert len(str(info.value)) < 200


@given(st.text() | st.text("()'\"=<>, anotrexisi1.").map(lambda text: "a" + text))
@settings(deadline=None, max_examples=500)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = filter_from_text(text)
    except InvalidInputError:
        return
    assert filter_from_text(str(found)) == found
