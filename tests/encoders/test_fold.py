import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsr.encoders import Backend, Encoder, Passages, load_encoder, reload_encoder
from lsr.encoders.fold import Fold, read_fold, write_fold
from lsr.errors import ConfigError, ModelNotFoundError, UnsupportedModelError
from lsr.sparse import SparseBatch
from tiny_models import WORDS

N_TERMS = 8
# Sums of eighths are exact, in whatever order.
WEIGHTS = st.integers(1, 24).map(lambda eighths: eighths / 8)
ROWS = st.lists(
    st.dictionaries(st.integers(0, N_TERMS - 1), WEIGHTS), min_size=N_TERMS, max_size=N_TERMS
)


def batch_of(rows: list[dict[int, float]]) -> SparseBatch:
    return SparseBatch.from_rows([row.items() for row in rows], N_TERMS)


def folded(vector: Mapping[int, float], fold: list[dict[int, float]]) -> dict[int, float]:
    """The formula, term by term."""
    whole = dict(vector)
    for term, weight in vector.items():
        for word, share in fold[term].items():
            whole[word] = whole.get(word, 0) + weight * share
    heaviest = sorted(whole, key=lambda term: (-whole[term], term))[: len(vector)]
    return {term: whole[term] for term in heaviest}


@given(vectors=ROWS, fold=ROWS)
def test_folded_vectors_are_those_of_the_formula_and_no_longer(
    vectors: list[dict[int, float]], fold: list[dict[int, float]]
) -> None:
    found = Fold(batch_of(fold)).apply(batch_of(vectors))

    assert found.active_dims.tolist() == [len(vector) for vector in vectors]
    for (terms, weights), vector in zip(found.rows(), vectors, strict=True):
        assert dict(zip(terms.tolist(), weights.tolist(), strict=True)) == folded(vector, fold)


def test_a_fold_is_read_as_it_was_written(tmp_path: Path) -> None:
    tokens = [f"t{term}" for term in range(N_TERMS)]
    fold = Fold(batch_of([{1: 0.1, 3: 2.0}, {}, {0: 1 / 3}, *({} for _ in range(5))]))

    write_fold(tmp_path / "fold.json", fold, tokens)

    assert json.loads((tmp_path / "fold.json").read_text())["t0"] == {"t1": 0.1, "t3": 2.0}
    read = read_fold(tmp_path / "fold.json", tokens)
    for mine, theirs in zip(read.added.rows(), fold.added.rows(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"car": {"auto": 1}}', "'car', which is no token"),
        ('{"t0": {"auto": 1}}', "'auto', which is no token"),
        ('{"t0": 1}', "gives 't0' no words, but 1"),
        ('{"t0": {"t1": -1}}', "gives 't1' of 't0' the weight -1"),
        ('{"t0": {"t1": NaN}}', "the weight nan"),
        ('{"t0": {"t1": true}}', "the weight True"),
        ("[]", "must hold an object"),
    ],
)
def test_a_damaged_fold_is_refused(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "fold.json"
    file.write_text(content)

    with pytest.raises(UnsupportedModelError, match=message):
        read_fold(file, ["t0", "t1"])


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A table and a fold of the tiny models' words."""
    (tmp_path / "idf.json").write_text(json.dumps(dict.fromkeys(WORDS, 2.0)))
    (tmp_path / "fold.json").write_text(json.dumps({word: {WORDS[1]: 9.0} for word in WORDS}))
    return {"query_weights": tmp_path / "idf.json", "fold": tmp_path / "fold.json"}


@pytest.mark.parametrize("passages", [None, Passages()])
def test_documents_are_folded_and_queries_are_not(
    tiny_models: dict[str, Path], files: dict[str, Path], passages: Passages | None
) -> None:
    def loaded(**options: Any) -> Encoder:
        folder = str(tiny_models["bert"])
        return load_encoder(folder, backend=Backend.NATIVE, passages=passages, **options)

    plain, encoder = loaded(query_weights=files["query_weights"]), loaded(**files)
    texts = [" ".join(WORDS), "", WORDS[3]]

    fold = read_fold(files["fold"], plain.tokens)
    expected = fold.apply(plain.encode_documents(texts))
    again = reload_encoder(encoder.settings, Backend.NATIVE)
    for one in (encoder, again):
        found = one.encode_documents(texts)
        np.testing.assert_array_equal(found.terms, expected.terms)
        np.testing.assert_array_equal(found.weights, expected.weights)
        (streamed,) = one.encode_stream([texts])
        np.testing.assert_array_equal(streamed.vectors.weights, expected.weights)
        queries = one.encode_queries(texts)
        np.testing.assert_array_equal(queries.weights, plain.encode_queries(texts).weights)
    assert (expected.weights != plain.encode_documents(texts).weights).any()
    assert encoder.weight_ceiling is None


def test_a_fold_needs_a_table_and_a_file(
    tiny_models: dict[str, Path], files: dict[str, Path], tmp_path: Path
) -> None:
    folder = str(tiny_models["bert"])

    with pytest.raises(ConfigError, match="name a table of query weights too"):
        load_encoder(folder, fold=files["fold"])
    with pytest.raises(ModelNotFoundError, match="does not exist"):
        load_encoder(folder, query_weights=files["query_weights"], fold=tmp_path / "none.json")
