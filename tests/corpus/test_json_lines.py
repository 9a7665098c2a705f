import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpora import Skim, Write
from lsr.corpus import json_lines, opening, read_documents
from lsr.corpus.records import DOCUMENT_FORM, refuse
from lsr.documents import Document
from lsr.errors import InvalidInputError, LsrError

GOOD = '{"_id": "1", "title": "Wings", "text": "of a plane", "year": 1953}'


def _documents(source: str) -> list[Document]:
    return [document for batch in read_documents(source) for document in batch.documents]


def test_keeps_id_title_text_metadata_and_place(write: Write) -> None:
    path = write("c.jsonl", GOOD + "\n")

    assert _documents(path) == [Document("1", "Wings", "of a plane", {"year": 1953}, f"{path}:1")]


@pytest.mark.parametrize(
    "content",
    [
        "\ufeff" + GOOD + "\n",
        GOOD + "\r\n",
        GOOD,
        "\n  \n" + GOOD + "\n\n",
    ],
    ids=["byte-order mark", "CRLF", "no line end", "blank lines"],
)
def test_accepts_harmless_variations(write: Write, content: str) -> None:
    (document,) = _documents(write("c.jsonl", content))

    assert (document.doc_id, document.text) == ("1", "of a plane")


def test_counts_blank_lines_in_places(write: Write) -> None:
    path = write("c.jsonl", "\n\n" + GOOD)

    assert _documents(path)[0].place == f"{path}:3"


@pytest.mark.parametrize("name", ["contents", "text"])
@pytest.mark.parametrize("id_field", ["_id", "id", "docid"])
def test_accepts_every_name_of_id_and_text(write: Write, name: str, id_field: str) -> None:
    path = write("c.jsonl", json.dumps({id_field: 7, name: "x"}))

    assert [(d.doc_id, d.text) for d in _documents(path)] == [("7", "x")]


def test_reads_a_json_array(write: Write) -> None:
    path = write("c.json", f"\n [\n{GOOD},\n{GOOD.replace('1', '2', 1)} ]\n")

    documents = _documents(path)

    assert [d.doc_id for d in documents] == ["1", "2"]
    assert documents[1].place == f"{path}: item 2"


def test_reads_json_lines_under_the_name_json(write: Write) -> None:
    path = write("c.json", GOOD + "\n" + GOOD.replace("1", "2", 1))

    assert [d.place for d in _documents(path)] == [f"{path}:1", f"{path}:2"]


def test_reads_vectors_beside_texts(write: Write) -> None:
    path = write("v.jsonl", '{"id": "a", "contents": "x", "vector": {"wing": 1.5, "the": 0}}\n')

    (batch,) = read_documents(path)

    assert batch.vectors is not None
    assert batch.vocabulary == ["wing", "the"]
    assert batch.vectors.to_scipy().toarray().tolist() == [[1.5, 0.0]]
    assert batch.documents[0].text == "x"


BAD_LINES = {
    '{"id": "1", "text": "x"': "malformed JSON at character 24",
    "": None,
    "nonsense": "malformed JSON at character 1",
    '["1", "x"]': "not an object",
    "7": "not an object",
    '{"text": "x"}': "the id is None",
    '{"id": "", "text": "x"}': "non-empty string",
    '{"id": 1.5, "text": "x"}': "the id is 1.5",
    '{"id": "a b", "text": "x"}': "white space",
    '{"id": "a\\nb", "text": "x"}': "white space",
    '{"id": "1", "text": 7}': "the field 'text' must be a string, not int",
    '{"id": "1", "title": ["x"]}': "the field 'title' must be a string, not list",
    '{"id": "1", "body": "x"}': "rename the field that holds the text",
    '{"id": "1", "text": "\\ud800"}': "the field 'text' holds half a surrogate pair",
    '{"id": "1", "text": "x", "n": NaN}': "the field 'n' is nan",
    '{"id": "1", "text": "x", "n": {"m": 1e999}}': "the field 'n.m' is inf",
    '{"id": "1", "text": "x", "n": 36893488147419103232}': "more than 64 bits",
    '{"id": "1", "text": "x", "n": ' + "9" * 100_000 + "}": "thousands of digits",
    '{"id": "1", "text": "x", "n": ' + "[" * 80 + "]" * 80 + "}": "nested deeper than 64",
    '{"id": "1", "text": "x", "n": ' + "[" * 100_000 + "]" * 100_000 + "}": "nested too deeply",
    '{"a":' * 100_000: "nested too deeply",
    '{"id": "1", "text": "x", "n": ' + "[" * 700 + "NaN" + "]" * 700 + "}": "nested too deeply",
}


@pytest.mark.parametrize(
    ("line", "message"),
    [(line, message) for line, message in BAD_LINES.items() if message],
    ids=lambda value: value[:50],
)
def test_names_the_place_of_a_bad_line_and_goes_on_if_asked(
    write: Write, skim: Skim, line: str, message: str
) -> None:
    path = write("c.jsonl", f"{GOOD}\n{line}\n{GOOD}\n")

    documents, messages = skim(path)

    assert len(documents) == 2
    assert len(messages) == 1
    assert messages[0].startswith(f"{path}:2: ")
    assert messages[0].endswith(".")
    assert message in messages[0]
    assert len(messages[0]) < 400
    with pytest.raises(InvalidInputError, match=r"c\.jsonl:2: "):
        _documents(path)


BAD_VECTORS = {
    '{"wing": NaN}': "weight of term 'wing' is nan",
    '{"wing": Infinity}': "weight of term 'wing' is inf",
    '{"wing": 1e999}': "weight of term 'wing' is inf",
    '{"wing": -0.5}': "weight of term 'wing' is -0.5",
    '{"wing": 1e300}': "weight of term 'wing' is above 3.4e+38",
    '{"wing": ' + "9" * 400 + "}": "weight of term 'wing' is above 3.4e+38",
    '{"wing": "1"}': "weight of term 'wing' is",
    '{"wing": true}': "weight of term 'wing' is",
    '{"wing": null}': "weight of term 'wing' is",
    '{"wing": 1, "a:b": 1, "wing": 2}': "term 'wing' occurs twice",
    '{"wing": 1, "w\\u0069ng": 2}': "term 'wing' occurs twice",
    "[1.0, 2.0]": "the field 'vector' is a list",
    "null": "the field 'vector' is null",
    '"wing"': "the field 'vector' is a string",
}


@pytest.mark.parametrize(("vector", "message"), BAD_VECTORS.items(), ids=lambda value: value[:40])
def test_names_the_term_of_a_bad_weight(
    write: Write, skim: Skim, vector: str, message: str
) -> None:
    good = '{"id": "1", "vector": {"the": 1}}'
    path = write("v.jsonl", f'{good}\n{{"id": "2", "vector": {vector}}}\n{good}\n')

    documents, messages = skim(path)

    assert [d.doc_id for d in documents] == ["1", "1"]
    assert len(messages) == 1
    assert messages[0].startswith(f"{path}:2: ")
    assert message in messages[0]


def test_weights_follow_their_documents_past_a_skipped_line(write: Write) -> None:
    lines = [f'{{"id": "{n}", "vector": {{"t{n}": {n - 3}}}}}' for n in range(9)]
    path = write("v.jsonl", "\n".join(lines))
    errors: list[LsrError] = []

    (batch,) = read_documents(path, skip_bad=errors.append)

    assert [d.doc_id for d in batch.documents] == ["3", "4", "5", "6", "7", "8"]
    assert len(errors) == 3
    assert batch.vectors is not None
    assert batch.vectors.weights.tolist() == [1, 2, 3, 4, 5]
    assert batch.vectors.active_dims.tolist() == [0, 1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ('"text": "x"', '"vector": {}', "has a vector although those before it have none"),
        ('"vector": {}', '"text": "x"', "has no vector although those before it have one"),
    ],
)
def test_refuses_to_mix_texts_and_vectors(
    write: Write, first: str, second: str, message: str
) -> None:
    path = write("m.jsonl", f'{{"id": "1", {first}}}\n{{"id": "2", {second}}}\n')

    with pytest.raises(InvalidInputError, match=rf"m\.jsonl:2: .*{message}"):
        _documents(path)


def test_says_at_which_byte_a_line_is_not_utf8(write: Write, skim: Skim) -> None:
    path = write("c.jsonl", GOOD.encode() + b'\n{"id": "\xff"}\n')

    _, messages = skim(path)

    assert messages == [
        f"{path}:2: byte 9 is not valid UTF-8; convert the file, with iconv for example."
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"[{GOOD},\n{GOOD}", "line 2"),
        (f"[{GOOD},\n{{]", "line 2, character 2"),
        ('[{"id": NaN}]', "the field 'item 1.id' is nan"),
        ("[" * 100_000, "nested too deeply"),
    ],
    ids=["cut short", "malformed", "NaN", "bomb"],
)
def test_says_where_an_array_is_malformed(write: Write, content: str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        _documents(write("c.json", content))


def test_skips_a_bad_item_of_an_array(write: Write, skim: Skim) -> None:
    path = write("c.json", f'[{GOOD}, 7, {{"id": "2", "text": 1e999}}, {GOOD}]')

    documents, messages = skim(path)

    assert len(documents) == 2
    assert [message.split(": ")[1] for message in messages] == ["item 2", "item 3"]


def test_refuses_an_array_that_is_too_large_to_be_read_whole(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_lines, "MAX_ARRAY_BYTES", 10)

    with pytest.raises(InvalidInputError, match="one object per line"):
        _documents(write("c.json", f"[{GOOD}]"))


def test_a_long_line_is_not_buffered_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "MAX_LINE_BYTES", 1000)
    n_read = 0

    def bomb() -> Iterator[bytes]:
        nonlocal n_read
        while True:
            n_read += 100
            yield b"x" * 100

    with pytest.raises(InvalidInputError, match="c:1: the line is longer"):
        list(json_lines.json_lines(bomb(), "c", DOCUMENT_FORM, refuse))
    assert n_read <= 1100


def test_batches_are_bounded_in_number(write: Write) -> None:
    path = write("c.jsonl", "".join(f'{{"id": {n}, "text": ""}}\n' for n in range(4097)))

    assert [len(batch.documents) for batch in read_documents(path)] == [4096, 1]


def test_batches_are_bounded_in_bytes(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lsr.corpus.batches.MAX_BATCH_BYTES", 250)
    line = '{"id": "1", "text": "' + "x" * 76 + '"}\n'
    path = write("c.jsonl", line * 5)

    assert [len(batch.documents) for batch in read_documents(path)] == [2, 2, 1]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.binary(max_size=30) | st.just(b'{"id": "1", "text": "\\u00e9"}'), max_size=5),
    st.lists(st.integers(1, 20), min_size=1, max_size=5),
)
def test_lines_do_not_depend_on_where_chunks_end(parts: list[bytes], cuts: list[int]) -> None:
    data = b"\n".join(parts)
    chunks, rest = [], data
    for cut in cuts:
        chunks.append(rest[:cut])
        rest = rest[cut:]

    found = [line for _, line in opening.lines([*chunks, rest], "c")]

    expected = data.split(b"\n")
    assert found == (expected if expected[-1] else expected[:-1])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_yield_records_or_a_clear_error(data: bytes) -> None:
    for reader in (json_lines.json_lines, json_lines.json_file):
        errors: list[LsrError] = []
        try:
            list(reader(iter([data]), "c", DOCUMENT_FORM, errors.append))
        except InvalidInputError as error:
            errors.append(error)
        assert all(str(error).startswith("c") for error in errors)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
            st.floats(0, 2.0**100, width=32),
            max_size=5,
        ),
        min_size=1,
        max_size=5,
    )
)
def test_vectors_survive_the_round_trip(rows: list[dict[str, float]]) -> None:
    lines = "\n".join(json.dumps({"id": n, "vector": row}) for n, row in enumerate(rows))
    records = json_lines.json_lines(iter([lines.encode()]), "c", DOCUMENT_FORM, refuse)

    assert [dict(record.vector or {}) for record in records] == rows


def test_reads_the_real_collections(shared_data: Path) -> None:
    n_docs = {}
    for path in sorted(shared_data.glob("*/corpus.jsonl.gz")):
        n_docs[path.parent.name] = sum(len(b.documents) for b in read_documents(path.parent))

    assert n_docs["cranfield"] == 1400
    assert n_docs["scifact"] == 5183
    assert all(count > 0 for count in n_docs.values())


def test_metadata_of_real_products_is_json(shared_data: Path) -> None:
    (first, *_) = read_documents(shared_data / "chorus-products" / "products.jsonl.gz")

    assert json.loads(json.dumps(first.documents[0].as_dict()))["brand"] == "Xerox"
    assert np.isfinite(first.documents[0].metadata["price_cents"])
