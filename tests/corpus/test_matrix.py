import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from corpora import Skim
from lsr.corpus import corpus_size, read_documents, read_queries
from lsr.documents import DocumentBatch
from lsr.errors import InvalidInputError

MATRIX = scipy.sparse.csr_array(np.array([[0, 1.5, 0], [2, 0, 3], [0, 0, 0]], np.float32))


def _write(folder: Path, ids: str = "a\nb\nc\n", **changes: Any) -> str:
    arrays = {name: getattr(MATRIX, name) for name in ("data", "indices", "indptr")} | changes
    path = folder / "v.npz"
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    (folder / "v.ids.txt").write_text(ids)
    return str(path)


def _one(path: str) -> DocumentBatch:
    (batch,) = read_documents(path)
    return batch


def _dense(batch: DocumentBatch) -> list[list[float]]:
    assert batch.vectors is not None
    rows: list[list[float]] = batch.vectors.to_scipy().toarray().tolist()
    return rows


@pytest.mark.parametrize(
    ("name", "ids_name"),
    [
        ("v.npz", "v.ids.txt"),
        ("v.npz", "v-ids.txt"),
        ("doc-embeddings.npz", "doc-ids.txt"),
        ("doc-embeddings.npz", "doc-embeddings.ids.txt"),
    ],
)
def test_reads_what_scipy_writes_with_ids_beside_it(
    tmp_path: Path, name: str, ids_name: str
) -> None:
    path = tmp_path / name
    scipy.sparse.save_npz(path, MATRIX)
    (tmp_path / ids_name).write_bytes(b"\xef\xbb\xbfa\r\nb\r\nc")

    batch = _one(str(path))

    assert _dense(batch) == MATRIX.toarray().tolist()
    assert batch.vocabulary is None
    assert [document.doc_id for document in batch.documents] == ["a", "b", "c"]
    assert batch.documents[2].place == f"{path}: row 3"
    assert corpus_size(path) == 3


def test_reads_plain_arrays_without_shape(tmp_path: Path) -> None:
    assert _dense(_one(_write(tmp_path))) == MATRIX.toarray().tolist()


def test_reads_queries(tmp_path: Path) -> None:
    scipy.sparse.save_npz(tmp_path / "query-embeddings.npz", MATRIX)
    (tmp_path / "query-ids.txt").write_text("q1\nq2\nq3\n")

    queries = read_queries(tmp_path / "query-embeddings.npz")

    assert queries.query_ids == ["q1", "q2", "q3"]
    assert queries.questions == ["", "", ""]
    assert queries.vectors is not None
    assert queries.vectors.to_scipy().toarray().tolist() == MATRIX.toarray().tolist()


def test_missing_ids_are_refused_with_the_names_looked_for(tmp_path: Path) -> None:
    scipy.sparse.save_npz(tmp_path / "doc-embeddings.npz", MATRIX)

    with pytest.raises(InvalidInputError, match=r"doc-embeddings\.ids\.txt or .* or doc-ids\.txt"):
        _one(str(tmp_path / "doc-embeddings.npz"))


@pytest.mark.parametrize("ids", ["a\nb\n", "a\nb\nc\nd\n", ""])
def test_the_number_of_ids_must_fit(tmp_path: Path, ids: str) -> None:
    with pytest.raises(InvalidInputError, match=r"holds \d ids, but .*v\.npz has 3 rows"):
        _one(_write(tmp_path, ids))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": np.array([1.0, np.nan, 1.0])}, r"v\.npz: row 2: the weight of term 0 is nan"),
        ({"data": np.array([1.0, 1.0, -1.0])}, r"v\.npz: row 2: the weight of term 2 is -1.0"),
        ({"data": np.array([1.0, np.inf, 1.0])}, r"v\.npz: row 2: the weight of term 0 is inf"),
        ({"indices": np.array([1, 2, 2])}, r"v\.npz: row 2: term 2 occurs twice"),
        ({"indices": np.array([1, -1, 2])}, r"v\.npz: row 2: term id -1 is not between"),
        ({"ids": "a\nb b\nc"}, r"v\.ids\.txt:2: the id 'b b' holds white space"),
        ({"ids": "a\n\nc"}, r"v\.ids\.txt:2: the id is ''"),
    ],
)
def test_names_the_bad_row_and_goes_on_if_asked(
    tmp_path: Path, skim: Skim, changes: dict[str, Any], message: str
) -> None:
    path = _write(tmp_path, **changes)

    documents, messages = skim(path)

    assert [document.doc_id for document in documents] == ["a", "c"]
    assert len(messages) == 1
    with pytest.raises(InvalidInputError, match=message):
        _one(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": None}, "lacks data"),
        ({"format": np.array(b"csc")}, "has format b'csc'"),
        ({"indptr": np.array([0, 1, 5, 3])}, "do not fit each other"),
        ({"indptr": np.array([0, 2, 1, 3])}, "do not fit each other"),
        ({"indptr": np.array([1, 1, 3, 3])}, "do not fit each other"),
        ({"indptr": np.array([], int)}, "do not fit each other"),
        ({"indices": np.array([1, 2])}, "do not fit each other"),
        ({"indices": np.array([1.0, 2.0, 0.0])}, "indices is of type float64"),
        ({"data": np.array(["1", "2", "3"])}, "data is of type <U1"),
        ({"data": np.ones((3, 1))}, "2 dimensions"),
        ({"shape": np.array([3])}, "not two integers"),
        ({"shape": np.array([4, 3])}, "there are 3 rows"),
        ({"shape": np.array([3, 1 << 40])}, "columns are possible"),
        ({"data": np.array([1, "x", None], object)}, "cannot be read as an .npz archive"),
    ],
)
def test_arrays_that_are_no_csr_matrix_are_never_skipped(
    tmp_path: Path, skim: Skim, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message):
        skim(_write(tmp_path, **changes))


def test_batches_are_bounded_in_number(tmp_path: Path) -> None:
    matrix = scipy.sparse.random_array((5000, 50), density=0.1, rng=np.random.default_rng(0))
    csr = scipy.sparse.csr_array(matrix)
    scipy.sparse.save_npz(tmp_path / "v.npz", csr)
    (tmp_path / "v-ids.txt").write_text("\n".join(map(str, range(5000))))

    batches = list(read_documents(tmp_path / "v.npz"))

    assert [len(batch.documents) for batch in batches] == [4096, 904]
    found = [row for batch in batches for row in _dense(batch)]
    np.testing.assert_array_equal(np.array(found, np.float32), csr.toarray().astype(np.float32))


def _archive() -> bytes:
    file = io.BytesIO()
    scipy.sparse.save_npz(file, MATRIX)
    return file.getvalue()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_damage_yields_documents_or_a_clear_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    damaged = bytearray(_archive())
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "v.npz").write_bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    (folder / "v-ids.txt").write_text("a\nb\nc\n")

    try:
        n_found = sum(len(batch.documents) for batch in read_documents(folder / "v.npz"))
    except InvalidInputError as error:
        assert "v.npz" in str(error)  # noqa: PT017
    else:
        assert n_found == 3
