import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpora import Skim, Write
from lsr.corpus import opening, read_documents, tables
from lsr.corpus.records import DOCUMENT_FORM, refuse
from lsr.documents import Document
from lsr.errors import InvalidInputError


def _documents(source: str) -> list[Document]:
    return [document for batch in read_documents(source) for document in batch.documents]


def test_a_header_names_the_columns(write: Write) -> None:
    path = write("c.csv", '\ufeffid,title,contents,lang\r\n7,Wings,"a, ""b""\nc",en\r\n8,,d,\r\n')

    assert _documents(path) == [
        Document("7", "Wings", 'a, "b"\nc', {"lang": "en"}, f"{path}:2"),
        Document("8", "", "d", {"lang": ""}, f"{path}:4"),
    ]


def test_a_tsv_of_two_columns_needs_no_header(write: Write) -> None:
    path = write("collection.tsv", '0\tThe "Manhattan" Project\r\n1\t\n')

    assert [(d.doc_id, d.text, d.place) for d in _documents(path)] == [
        ("0", 'The "Manhattan" Project', f"{path}:1"),
        ("1", "", f"{path}:2"),
    ]


def test_a_tsv_may_have_a_header(write: Write) -> None:
    path = write("c.tsv", 'lang\tdocid\ttext\nen\t1\t"quoted\n')

    assert _documents(path) == [Document("1", "", '"quoted', {"lang": "en"}, f"{path}:2")]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("c.csv", "1,wing\n2,tail\n", "c.csv:1: the first row names none of the columns _id, id"),
        ("c.csv", "id,text,text\n", "c.csv:1: the column 'text' occurs twice"),
        ("c.csv", "id,body\n", "c.csv:1: none of the columns is called title, text, contents"),
        ("c.tsv", "id\tbody\n", "c.tsv:1: none of the columns is called title, text, contents"),
    ],
)
def test_a_header_that_cannot_be_right_is_never_skipped(
    write: Write, skim: Skim, name: str, content: str, message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message):
        skim(write(name, content))


@pytest.mark.parametrize(
    ("name", "bad", "message"),
    [
        ("c.csv", b"2,b,c", "the row has 3 columns, but 2 are expected: id, text"),
        ("c.csv", b"2", "the row has 1 columns"),
        ("c.csv", b"2,\xff", "not valid UTF-8"),
        ("c.csv", b'2,"b"c', "malformed CSV"),
        ("c.csv", b",b", "the id is ''"),
        ("c.csv", b"2 3,b", "white space"),
        ("c.tsv", b"2\tb\tc", "the row has 3 columns, but 2 are expected: id, text"),
        ("c.tsv", b"2\t\xff", "not valid UTF-8"),
        ("c.tsv", b"\tb", "the id is ''"),
    ],
)
def test_names_the_place_of_a_bad_row_and_goes_on_if_asked(
    write: Write, skim: Skim, name: str, bad: bytes, message: str
) -> None:
    mark = b"," if name.endswith("csv") else b"\t"
    rows = [mark.join([b"id", b"text"]), mark.join([b"1", b"a"]), bad, mark.join([b"3", b"c"])]
    path = write(name, b"\n".join(rows))

    documents, messages = skim(path)

    assert [d.doc_id for d in documents] == ["1", "3"]
    assert len(messages) == 1
    assert messages[0].startswith(f"{path}:3: ")
    assert message in messages[0]
    with pytest.raises(InvalidInputError, match=rf"{name}:3: "):
        _documents(path)


def test_a_field_may_be_longer_than_the_csv_module_likes(write: Write) -> None:
    path = write("c.csv", f"id,text\n1,{'x' * 1_000_000}\n")

    assert len(_documents(path)[0].text) == 1_000_000


def test_an_open_quotation_mark_does_not_swallow_the_file(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "MAX_LINE_BYTES", 1000)
    path = write("c.csv", 'id,text\n1,a\n2,"b\n' + "3,c\n" * 1000)

    with pytest.raises(InvalidInputError, match=r"c\.csv:3: .*is a quotation mark not closed"):
        _documents(path)


def test_many_short_rows_may_be_longer_than_the_longest_row(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "MAX_LINE_BYTES", 1000)

    assert len(_documents(write("c.csv", "id,text\n" + "3,c\n" * 1000))) == 1000


def test_an_open_quotation_mark_at_the_end_is_reported(write: Write) -> None:
    path = write("c.csv", 'id,text\n1,a\n2,"b\n3,c\n')

    with pytest.raises(InvalidInputError, match=r"c\.csv:3: malformed CSV"):
        _documents(path)


def test_a_long_line_is_refused(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "MAX_LINE_BYTES", 1000)
    monkeypatch.setattr(opening, "_CHUNK_BYTES", 100)

    with pytest.raises(InvalidInputError, match=r"c\.tsv:2: the line is longer"):
        _documents(write("c.tsv", "1\ta\n2\t" + "x" * 2000))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x00"), max_size=9),
        min_size=1,
        max_size=5,
    )
)
def test_csv_texts_survive_the_round_trip(texts: list[str]) -> None:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(["id", "text"])
    writer.writerows(enumerate(texts))

    records = tables.csv_records([file.getvalue().encode()], "c", DOCUMENT_FORM, refuse)

    assert [record.document.text for record in records] == texts
