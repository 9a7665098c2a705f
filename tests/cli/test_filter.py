"""`lsr search --filter` is compared with plain Python over the documents that went in."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lsr as library
from command import lsr

DOCUMENTS: list[dict[str, Any]] = [
    {
        "id": f"d{number}",
        "vector": {"cat": 1.0 + number * 7 % 40, "dog": 2.0 + number % 3},
        "year": 2000 + number % 20,
        "topics": ["pets"] * (number % 2) + ["food"] * (number % 3 == 0),
        **({"lang": ("en", "de", "fr")[number % 3]} if number % 5 else {}),
    }
    for number in range(40)
]
DELETED = {"d0", "d7", "d21", "d39"}
FIELDS = ("--field", "year:int", "--field", "lang:str", "--field", "topics:tags")

FILTERS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "year >= 2005 and year < 2015": lambda one: 2005 <= one["year"] < 2015,
    "lang in ('en', 'de') or not exists(lang)": lambda one: one.get("lang") != "fr",
    "not topics = 'pets'": lambda one: "pets" not in one["topics"],
    "year = 2001 and topics = 'food' and lang = 'en'": lambda one: (
        one["year"] == 2001 and "food" in one["topics"] and one.get("lang") == "en"
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index ``idx`` of two segments with deleted documents; not to be changed."""
    folder = tmp_path_factory.mktemp("filtered")
    options = ("index", "-", "--index", "idx", "--quiet")
    for part, declared in (
        (DOCUMENTS[:25], (*FIELDS, "--max-weight", "255")),
        (DOCUMENTS[25:], ()),
    ):
        lines = "".join(json.dumps(one) + "\n" for one in part)
        done = lsr(*options, *declared, stdin=lines, cwd=folder)
        assert done.code == 0, done.stderr
    assert lsr("delete", *sorted(DELETED), "--index", "idx", cwd=folder).code == 0
    assert len(library.Index.open(folder / "idx").searcher.segments) == 2
    return folder


def _best(word: str, keeps: Callable[[dict[str, Any]], bool]) -> list[str]:
    left = [one for one in DOCUMENTS if one["id"] not in DELETED and keeps(one)]
    return [one["id"] for one in sorted(left, key=lambda one: -one["vector"][word])]


@pytest.mark.parametrize("expression", FILTERS)
def test_finds_the_best_of_what_is_kept(folder: Path, expression: str) -> None:
    done = lsr(
        *("search", "--vector", '{"cat": 1}', "--index", "idx", "--json", "-k", "8"),
        *("--filter", expression),
        cwd=folder,
    )

    found = json.loads(done.stdout)
    assert [hit["id"] for hit in found["hits"]] == _best("cat", FILTERS[expression])[:8]
    assert found["approximation"] is None
    again = lsr(
        *("search", "--vector", '{"cat": 1}', "--index", "idx", "--json", "-k", "8"),
        *("--filter", found["filter"]),
        cwd=folder,
    )
    assert json.loads(again.stdout)["hits"] == found["hits"]


def test_holds_for_every_query_of_a_file(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "queries.jsonl").write_text(
        '{"id": "q1", "vector": {"cat": 1}}\n{"id": "q2", "vector": {"dog": 1}}\n'
    )
    expression = "year >= 2005 and year < 2015"

    done = lsr(
        *("search", "--queries", tmp_path / "queries.jsonl", "--run", tmp_path / "out.trec"),
        *("--index", "idx", "--filter", expression, "--threads", "2"),
        cwd=folder,
    )

    assert done.code == 0, done.stderr
    rows = [line.split() for line in (tmp_path / "out.trec").read_text().splitlines()]
    expected = [
        (query_id, doc_id)
        for query_id, word in (("q1", "cat"), ("q2", "dog"))
        for doc_id in _best(word, FILTERS[expression])
    ]
    assert [(row[0], row[2]) for row in rows] == expected


def test_an_approximate_answer_is_held_against_the_exact_one_of_the_same_filter(
    folder: Path,
) -> None:
    expression = "year >= 2005 and year < 2015"

    done = lsr(
        *("search", "--vector", '{"cat": 0.01, "dog": 1}', "--index", "idx", "--json", "-k", "6"),
        *("--filter", expression, "--prune", "top_k:1"),
        cwd=folder,
    )

    left = [one for one in DOCUMENTS if one["id"] in _best("cat", FILTERS[expression])]
    left.sort(key=lambda one: -0.01 * one["vector"]["cat"] - one["vector"]["dog"])
    exact = {one["id"] for one in left[:6]}
    found = set(_best("dog", FILTERS[expression])[:6])
    assert 0 < len(exact & found) < 6
    report = json.loads(done.stdout)
    assert {hit["id"] for hit in report["hits"]} == found
    assert report["approximation"]["recall"] == pytest.approx(len(exact & found) / 6)


def test_a_filter_that_keeps_nothing_is_named_as_the_reason(folder: Path, tmp_path: Path) -> None:
    nothing = ("--index", "idx", "--filter", "year > 3000")
    (tmp_path / "queries.jsonl").write_text('{"id": "q1", "vector": {"cat": 1}}\n')

    one = lsr("search", "--vector", '{"cat": 1}', *nothing, cwd=folder)
    many = lsr(
        *("search", "--queries", tmp_path / "queries.jsonl", "--run", tmp_path / "out.trec"),
        *nothing,
        cwd=folder,
    )

    assert (one.code, many.code) == (0, 0)
    assert one.stderr.rstrip().endswith("the filter may be the reason.")
    assert "queries without hits: 1; no document that the filter lets through" in many.stderr
    assert (tmp_path / "out.trec").read_text() == ""


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("price > 3", "The filter names the field 'price', which the index does not declare; it"),
        ("year >", "The filter is wrong at column 7: a value such as"),
        ("year = 'soon'", "The filter compares the field 'year' with 'soon', but it is int;"),
        ("topics < 'b'", "The filter orders the field 'topics' by <, but it is tags,"),
        ("", "The filter"),
    ],
)
def test_a_bad_filter_is_refused_in_a_sentence(
    folder: Path, tmp_path: Path, expression: str, message: str
) -> None:
    options = ("--index", "idx", "--filter", expression)
    (tmp_path / "queries.jsonl").write_text('{"id": "q1", "vector": {"cat": 1}}\n')

    one = lsr("search", "--vector", '{"cat": 1}', *options, cwd=folder)
    many = lsr(
        *("search", "--queries", tmp_path / "queries.jsonl", "--run", tmp_path / "out.trec"),
        *options,
        cwd=folder,
    )

    assert (one.code, many.code) == (1, 1)
    assert one.error == many.error
    assert one.error.startswith(message)
    assert not (tmp_path / "out.trec").exists()


def test_an_index_without_fields_says_so(tmp_path: Path) -> None:
    library.Index.build(tmp_path / "idx", [("a", {"cat": 1.0})])

    done = lsr(
        *("search", "--vector", '{"cat": 1}', "--index", "idx", "--filter", "year = 1"),
        cwd=tmp_path,
    )

    assert done.code == 1
    assert "which the index does not declare; it declares none." in done.error


def test_info_names_the_fields(folder: Path) -> None:
    done = lsr("info", "--index", "idx", cwd=folder)

    assert "fields      year int, lang str, topics tags\n" in done.stdout
