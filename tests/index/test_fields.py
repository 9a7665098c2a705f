from typing import Any

import pytest

from lsr.documents import Document
from lsr.errors import InvalidInputError
from lsr.index.fields import (
    FieldKind,
    Value,
    checked_fields,
    document_values,
    parse_declarations,
)


def test_declarations_keep_their_order() -> None:
    fields = parse_declarations(["year:int", "dc.date-issued:str", "größe:float"])

    assert list(fields.items()) == [
        ("year", FieldKind.INT),
        ("dc.date-issued", FieldKind.STR),
        ("größe", FieldKind.FLOAT),
    ]


@pytest.mark.parametrize(
    ("declarations", "message"),
    [
        (["year"], "'year' has no kind; write it as NAME:KIND, for example year:str"),
        (["year:date"], "'year' has the unknown kind 'date'; the kinds are str, int, float, bool"),
        (["year:"], "unknown kind ''"),
        (["year:int", "year:str"], "'year' is declared twice"),
        (["the year:int"], "'the year' cannot be written in a filter"),
        (["2020:int"], "'2020' cannot be written in a filter"),
        ([":int"], "'' cannot be written in a filter"),
        (["a:b:int"], "'a:b' cannot be written in a filter"),
        (["Exists:bool"], "'Exists' cannot be written in a filter"),
        (["text:str"], "'text' is part of every document and not metadata"),
        (["_id:str"], "'_id' is part of every document and not metadata"),
    ],
)
def test_a_declaration_that_cannot_be_right_is_refused(
    declarations: list[str], message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message):
        parse_declarations(declarations)


@pytest.mark.parametrize(
    ("kind", "given", "stored"),
    [
        ("str", "en", "en"),
        ("str", "7", "7"),
        ("int", 2020, 2020),
        ("int", "2020", 2020),
        ("int", "-5", -5),
        ("int", -(2**63), -(2**63)),
        ("float", 0.5, 0.5),
        ("float", 2, 2.0),
        ("float", "1e-3", 0.001),
        ("bool", False, False),
        ("bool", "True", True),
        ("tags", ["a", "", "b", "a"], ["a", "b", "a"]),
        ("tags", ("a",), ["a"]),
        ("tags", [], None),
        ("tags", [""], None),
        *((kind, nothing, None) for kind in FieldKind for nothing in (None, "")),
    ],
)
def test_a_value_is_stored_as_its_kind(kind: str, given: object, stored: Value) -> None:
    fields = checked_fields({"field": kind})

    (found,) = document_values(Document("1", metadata={"field": given}), fields)

    assert (found, type(found)) == (stored, type(stored))


def test_a_field_that_a_document_lacks_has_no_value() -> None:
    fields = checked_fields({"year": "int", "lang": "str"})

    assert document_values(Document("1", metadata={"lang": "en", "other": 1}), fields) == [
        None,
        "en",
    ]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("str", 7),
        ("str", ["en"]),
        ("str", "half a \ud800 pair"),
        ("int", 2020.0),
        ("int", True),
        ("int", 2**63),
        ("int", "9" * 5000),
        ("int", "two"),
        ("int", "1_000"),
        ("int", "٣"),
        ("float", "1e999"),
        ("float", float("nan")),
        ("float", float("inf")),
        ("float", 10**400),
        ("float", False),
        ("float", "nan"),
        ("bool", 1),
        ("bool", "yes"),
        ("tags", "a"),
        ("tags", ["a", 1]),
        ("tags", ["a", None]),
        ("tags", {"a": 1}),
    ],
)
def test_a_value_of_another_kind_is_refused_with_its_place(kind: str, value: Any) -> None:
    document = Document("d7", metadata={"the": 1, "field": value}, place="corpus.jsonl:7")

    with pytest.raises(
        InvalidInputError, match=r"^corpus.jsonl:7: the field 'field' is .*"
    ) as info:
        document_values(document, checked_fields({"field": kind}))

    assert f"but the index declares it as {kind}, " in str(info.value)
    assert len(str(info.value)) < 250
