import datetime
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpora import Skim
from lsr.corpus import corpus_size, embedded_encoder_settings, parquet, read_documents
from lsr.documents import Document, DocumentBatch
from lsr.errors import InvalidInputError, LsrError


def _write(folder: Path, columns: dict[str, Any], metadata: dict[str, str] | None = None) -> str:
    path = folder / "v.parquet"
    table = pa.table(columns)
    pq.write_table(table.replace_schema_metadata(metadata) if metadata else table, path)
    return str(path)


def _one(path: str) -> DocumentBatch:
    (batch,) = read_documents(path)
    return batch


def _dense(batch: DocumentBatch) -> list[list[float]]:
    assert batch.vectors is not None
    rows: list[list[float]] = batch.vectors.to_scipy().toarray().tolist()
    return rows


@pytest.mark.parametrize("term_type", [pa.uint8(), pa.uint16(), pa.int32(), pa.int64()])
@pytest.mark.parametrize(
    "list_type", [pa.list_, pa.large_list, lambda kind: pa.list_(kind, 2)], ids=["s", "l", "fixed"]
)
def test_reads_vectors_of_every_list_type(
    tmp_path: Path, term_type: pa.DataType, list_type: Any
) -> None:
    path = _write(
        tmp_path,
        {
            "id": ["a", "b"],
            "terms": pa.array([[2, 0], [1, 3]], list_type(term_type)),
            "weights": pa.array([[1.5, 0.5], [2.0, 0.0]], list_type(pa.float32())),
        },
    )

    batch = _one(path)

    assert _dense(batch) == [[0.5, 0, 1.5, 0], [0, 2.0, 0, 0]]
    assert batch.vocabulary is None
    assert batch.documents[1] == Document("b", "", "", {}, f"{path}: row 2")
    assert corpus_size(path) == 2


def test_reads_impacts_and_keeps_text_title_and_metadata(tmp_path: Path) -> None:
    path = _write(
        tmp_path,
        {
            "docid": [7],
            "title": ["t"],
            "text": ["x"],
            "terms": [[1]],
            "impacts": pa.array([[200]], pa.list_(pa.uint8())),
            "year": [1953],
        },
    )

    batch = _one(path)

    assert _dense(batch) == [[0, 200]]
    assert batch.documents == [Document("7", "t", "x", {"year": 1953}, f"{path}: row 1")]


def test_string_terms_name_themselves(tmp_path: Path) -> None:
    path = _write(
        tmp_path,
        {
            "id": ["a", "b"],
            "terms": [["wing", "the"], ["the"]],
            "weights": [[1.0, 2.0], [3.0]],
        },
    )

    batch = _one(path)

    assert batch.vocabulary == ["wing", "the"]
    assert _dense(batch) == [[1.0, 2.0], [0.0, 3.0]]


def test_the_vocabulary_and_the_encoder_travel_in_the_schema(tmp_path: Path) -> None:
    columns = {"id": ["a"], "terms": [[1]], "weights": [[2.0]]}
    settings_ = {"model": "splade-tiny", "max_length": 256}
    path = _write(
        tmp_path,
        columns,
        {"lsr.vocabulary": json.dumps(["a", "b", "c"]), "lsr.encoder": json.dumps(settings_)},
    )

    batch = _one(path)

    assert batch.vocabulary == ["a", "b", "c"]
    assert _dense(batch) == [[0, 2.0, 0]]
    assert embedded_encoder_settings(path) == settings_


def test_a_file_of_others_carries_no_encoder(tmp_path: Path) -> None:
    path = _write(tmp_path, {"id": ["a"], "text": ["x"]})

    assert embedded_encoder_settings(path) is None


@pytest.mark.parametrize(
    ("key", "value"), [("lsr.vocabulary", "[1]"), ("lsr.vocabulary", "["), ("lsr.encoder", "[]")]
)
def test_damaged_schema_metadata_is_refused(tmp_path: Path, key: str, value: str) -> None:
    path = _write(tmp_path, {"id": ["a"], "terms": [[1]], "weights": [[2.0]]}, {key: value})

    with pytest.raises(InvalidInputError, match=f"schema metadata '{key}' is damaged"):
        (_one if key == "lsr.vocabulary" else embedded_encoder_settings)(path)


def test_a_term_outside_the_vocabulary_is_refused(tmp_path: Path) -> None:
    columns = {"id": ["a", "b"], "terms": [[1], [3]], "weights": [[2.0], [1.0]]}
    path = _write(tmp_path, columns, {"lsr.vocabulary": '["a", "b"]'})

    with pytest.raises(InvalidInputError, match="row 2: term id 3 is not between 0 and 1"):
        _one(path)


def test_texts_without_vectors(tmp_path: Path) -> None:
    path = _write(tmp_path, {"id": ["a", "b"], "text": ["x", None]})

    batch = _one(path)

    assert batch.vectors is None
    assert [document.text for document in batch.documents] == ["x", ""]


def test_dates_and_decimals_become_text(tmp_path: Path) -> None:
    path = _write(
        tmp_path,
        {
            "id": ["a"],
            "text": ["x"],
            "day": [datetime.date(2026, 1, 31)],
            "price": [Decimal("12.50")],
            "tags": [["p", "q"]],
        },
    )

    assert _one(path).documents[0].metadata == {
        "day": "2026-01-31",
        "price": "12.50",
        "tags": ["p", "q"],
    }


NULL_TERMS = pa.array([[1], None, [1]], pa.list_(pa.int32()))
BAD_COLUMNS: dict[str, tuple[dict[str, Any], str]] = {
    "null terms": ({"terms": NULL_TERMS}, "terms is null"),
    "null in terms": ({"terms": [[1], [None], [1]]}, "terms holds a null"),
    "null weights": ({"weights": [[1.0], None, [1.0]]}, "weights is null"),
    "null in weights": ({"weights": [[1.0], [None], [1.0]]}, "weights holds a null"),
    "too many terms": ({"terms": [[1], [1, 2], [1]]}, "there are 2 terms, but 1 weights"),
    "NaN": ({"weights": [[1.0], [float("nan")], [1.0]]}, "the weight of term 1 is nan"),
    "infinite": ({"weights": [[1.0], [float("inf")], [1.0]]}, "the weight of term 1 is inf"),
    "negative": ({"weights": [[1.0], [-1.0], [1.0]]}, "the weight of term 1 is -1.0"),
    "huge": ({"weights": [[1.0], [1e300], [1.0]]}, "the weight of term 1 is 1e+300"),
    "repeated": (
        {"terms": [[1], [2, 2], [1]], "weights": [[1.0], [1.0, 1.0], [1.0]]},
        "term 2 occurs twice",
    ),
    "negative term": ({"terms": [[1], [-1], [1]]}, "term id -1 is not between 0"),
    "huge term": ({"terms": [[1], [2**40], [1]]}, "is not between 0 and 16777215"),
    "repeated name": (
        {"terms": [["a"], ["b", "b"], ["a"]], "weights": [[1.0], [1.0, 1.0], [1.0]]},
        "term 'b' occurs twice",
    ),
    "NaN of a name": (
        {"terms": [["a"], ["b"], ["a"]], "weights": [[1.0], [float("nan")], [1.0]]},
        "the weight of term 'b' is nan",
    ),
    "null id": ({"id": ["1", None, "3"]}, "the id is None"),
    "id with a space": ({"id": ["1", "2 2", "3"]}, "white space"),
    "NaN metadata": ({"price": [1.0, float("nan"), 2.0]}, "the field 'price' holds nan"),
    "bytes": ({"blob": [None, b"\0", None]}, "the field 'blob' holds of type bytes"),
    "not UTF-8": (
        {"text": pa.array([b"a", b"\xff", b"c"]).view(pa.string())},
        "'text' holds bytes that are not valid UTF-8",
    ),
}


@pytest.mark.parametrize("case", BAD_COLUMNS)
def test_names_the_bad_row_and_goes_on_if_asked(tmp_path: Path, skim: Skim, case: str) -> None:
    columns, message = BAD_COLUMNS[case]
    sound = {"id": ["1", "2", "3"], "terms": [[1], [1], [1]], "weights": [[1.0], [1.0], [1.0]]}
    path = _write(tmp_path, sound | columns)

    documents, messages = skim(path)

    assert [document.doc_id for document in documents] == ["1", "3"]
    assert [document.place for document in documents] == [f"{path}: row 1", f"{path}: row 3"]
    assert len(messages) == 1
    assert messages[0].startswith(f"{path}: row 2: ")
    assert message in messages[0]
    with pytest.raises(InvalidInputError, match="row 2: "):
        _one(path)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"name": ["a"], "text": ["x"]}, r"none of the columns \(name, text\) is called _id, id"),
        ({"id": ["a"], "body": ["x"]}, "hold neither text"),
        ({"id": ["a"], "terms": [[1]]}, "hold neither text"),
        ({"id": ["a"], "terms": [[1]], "weights": [[1]], "impacts": [[1]]}, "only one of the two"),
        ({"id": ["a"], "terms": [[1.5]], "weights": [[1.0]]}, "must be a list of integers or str"),
        ({"id": ["a"], "terms": [1], "weights": [[1.0]]}, "must be a list of integers or strings"),
        ({"id": ["a"], "terms": [[1]], "weights": [["x"]]}, "must be a list of numbers"),
        ({"id": ["a"], "terms": [[1]], "weights": [[True]]}, "must be a list of numbers"),
    ],
)
def test_columns_that_cannot_be_right_are_never_skipped(
    tmp_path: Path, skim: Skim, columns: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message):
        skim(_write(tmp_path, columns))


def test_a_column_that_occurs_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "v.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array(["a"])] * 3, ["id", "text", "text"]), path)

    with pytest.raises(InvalidInputError, match="the column 'text' occurs twice"):
        _one(str(path))


def test_no_rows_are_an_error(tmp_path: Path) -> None:
    path = _write(tmp_path, {"id": pa.array([], pa.string()), "text": pa.array([], pa.string())})

    with pytest.raises(InvalidInputError, match="holds no documents"):
        list(read_documents(path))


@pytest.mark.parametrize("damage", ["text", "short", "page"])
def test_a_damaged_file_is_one_sentence(tmp_path: Path, skim: Skim, damage: str) -> None:
    rng = np.random.default_rng(0)
    path = Path(_write(tmp_path, {"id": rng.integers(0, 1 << 62, 20_000), "text": ["x"] * 20_000}))
    data = bytearray(path.read_bytes())
    if damage == "page":
        data[4:60] = b"\xff" * 56
    path.write_bytes({"text": b"id,text\n", "short": bytes(data[:-100])}.get(damage, bytes(data)))

    with pytest.raises(InvalidInputError, match="cannot be read as Parquet") as caught:
        skim(str(path))

    assert "\n" not in str(caught.value)


def test_batches_are_bounded_in_number(tmp_path: Path) -> None:
    path = _write(tmp_path, {"id": list(range(5000)), "text": ["x"] * 5000})

    batches = list(read_documents(path))

    assert [len(batch.documents) for batch in batches] == [4096, 904]
    assert batches[1].documents[0].place == f"{path}: row 4097"


def test_batches_are_bounded_in_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "MAX_BATCH_BYTES", 1000)
    # One long text that Parquet stores once: its rows are larger than the file says.
    path = _write(tmp_path, {"id": list(range(10)), "text": ["x" * 400] * 10})

    batches = list(read_documents(path))

    assert max(len(batch.documents) for batch in batches) <= 2
    assert [d.doc_id for b in batches for d in b.documents] == [str(n) for n in range(10)]


IDS = st.one_of(
    st.text("ab-._~1", min_size=1, max_size=4), st.sampled_from(["", "a b", "é", "\u2028"])
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(IDS, st.none() | st.text("ab é", max_size=3)), min_size=1, max_size=6))
def test_the_fast_path_agrees_with_the_slow_one(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str | None]]
) -> None:
    folder = tmp_path_factory.mktemp("bare")
    columns = {
        "id": [doc_id for doc_id, _ in rows],
        "text": pa.array([text for _, text in rows], pa.string()),
    }

    found = []
    for extra in ({}, {"year": [1953] * len(rows)}):
        errors: list[LsrError] = []
        try:
            batches = list(read_documents(_write(folder, columns | extra), skip_bad=errors.append))
        except InvalidInputError:
            batches = []
        documents = [(d.doc_id, d.title, d.text, d.place) for b in batches for d in b.documents]
        found.append((documents, [str(error) for error in errors]))

    assert found[0] == found[1]


def test_reads_the_real_vectors(shared_data: Path) -> None:
    path = shared_data / "passages-300k" / "vectors.parquet"
    table = pq.ParquetFile(path).read_row_group(0).slice(0, 5000)

    batches = read_documents(path)
    first, second = next(batches), next(batches)

    assert corpus_size(path) == 300_000
    assert first.vectors is not None
    assert second.vectors is not None
    for row in (0, 17, 4095):
        terms, weights = first.vectors.row(row)
        assert terms.tolist() == table["terms"][row].as_py()
        assert weights.tolist() == table["impacts"][row].as_py()
        assert first.documents[row].doc_id == table["id"][row].as_py()
    assert second.vectors.row(100)[0].tolist() == table["terms"][4196].as_py()
