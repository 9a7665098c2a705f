"""Dense rows are stored as they come and searched exactly, block by block, segment by segment."""

import math
from itertools import accumulate, product
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsr.documents import Document
from lsr.errors import CorruptIndexError, InvalidInputError
from lsr.index import (
    Filter,
    IndexWriter,
    MemoryBudget,
    Searcher,
    Vocabulary,
    VocabularyKind,
    is_index,
    parse_filter,
    read_manifest,
    verify_index,
    write_lock,
)
from lsr.index import dense_half as subject
from lsr.index.fields import FieldKind
from lsr.sparse import SparseBatch

FIELDS = {"number": FieldKind.INT}
FEW = MemoryBudget(rows=40, waiting=0, kept=10_000)
"""Closes a segment every ten documents."""

# Floats multiply and add these exactly, whatever the order; many products are equal.
HALVES = [[sign / 2 for sign in signs] for signs in product((-1, 1), repeat=4)]
AXES = [[0.0] * place + [1.0] + [0.0] * (3 - place) for place in range(4)]
_ROWS = st.lists(st.sampled_from([*HALVES[:6], *AXES, [0.0] * 4]), min_size=1, max_size=40)


def _directions(n_rows: int, size: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n_rows, size), dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _write(
    path: Path, rows: np.ndarray, first: int = 0, memory: MemoryBudget | None = None
) -> None:
    """Add a document of one term for each row, in a commit."""
    manifest = read_manifest(path) if is_index(path) else None
    documents = [
        Document(f"d{number}", metadata={"number": number})
        for number in range(first, first + len(rows))
    ]
    vectors = SparseBatch.from_rows([[(0, 1.0)]] * len(rows), 1)
    with (
        write_lock(path),
        IndexWriter(
            path,
            manifest,
            Vocabulary(VocabularyKind.NUMBERS, n_terms=1),
            max_weight=255.0,
            encoder=None,
            properties={},
            fields=FIELDS,
            dense_size=rows.shape[1],
            memory=memory,
        ) as writer,
    ):
        writer.add(documents, vectors, rows)
        writer.commit()


def _delete(path: Path, numbers: set[int], *, merge: bool = False) -> None:
    with (
        write_lock(path),
        IndexWriter(
            path,
            manifest := read_manifest(path),
            Vocabulary(VocabularyKind.NUMBERS, n_terms=1),
            max_weight=255.0,
            encoder=None,
            properties={},
            fields=FIELDS,
            dense_size=manifest.dense_size,
        ) as writer,
    ):
        for number in numbers:
            assert writer.delete(f"d{number}")
        if merge:
            writer.merge()
        writer.commit()


def _brute(rows: np.ndarray, query: np.ndarray, live: set[int], k: int) -> list[tuple[str, float]]:
    """Score every document by the formula, leave out rows of zeros, and sort."""
    scores = {
        number: math.fsum(a * b for a, b in zip(rows[number].tolist(), query.tolist(), strict=True))
        for number in live
        if rows[number].any() and query.any()
    }
    ranked = sorted(scores, key=lambda number: (-scores[number], number))
    return [(f"d{number}", scores[number]) for number in ranked[:k]]


def _found(
    searcher: Searcher, queries: np.ndarray, k: int, where: Filter | None = None
) -> list[list[tuple[str, float]]]:
    rankings = searcher.search_dense_batch(queries, k, where=where)
    return [searcher.named_hits(rankings, row) for row in range(len(queries))]


@given(_ROWS, st.sets(st.integers(0, 39)), st.integers(1, 45), st.integers(-1, 40))
@settings(deadline=None, max_examples=25)
def test_finds_what_every_product_says(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[list[float]],
    deleted: set[int],
    k: int,
    least: int,
) -> None:
    path = tmp_path_factory.mktemp("dense") / "x"
    stored = np.array(rows, dtype=np.float32)
    gone = {number for number in deleted if number < len(rows)}
    queries = np.array([HALVES[3], AXES[1], [0.0] * 4, HALVES[0]], dtype=np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subject, "BLOCK_DOCS", 7)
        patch.setattr(subject, "EXACT_DOCS", 3)
        _write(path, stored, memory=FEW)
        _delete(path, gone)
        searcher = Searcher.open(path)
        where = parse_filter(f"number >= {least}", FIELDS)

        all_found = _found(searcher, queries, k)
        some_found = _found(searcher, queries, k, where)

    live = set(range(len(rows))) - gone
    assert all_found == [_brute(stored, query, live, k) for query in queries]
    live -= set(range(least))
    assert some_found == [_brute(stored, query, live, k) for query in queries]


def test_a_product_does_not_depend_on_its_neighbours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """BLAS sums a product in another order at the edge of a matrix, or for another batch."""
    rows = _directions(331, 67)
    rows[200:] = rows[:131]
    rows[100] = np.nextafter(rows[0], np.float32(2))
    queries = np.concatenate([rows[:1], _directions(70, 67, seed=1)])
    _write(tmp_path / "x", rows)
    searcher = Searcher.open(tmp_path / "x")

    at_once = _found(searcher, queries, 40)
    alone = [_found(searcher, query[None], 40)[0] for query in queries]
    monkeypatch.setattr(subject, "BLOCK_DOCS", 37)
    in_blocks = _found(searcher, queries, 40)

    assert at_once == alone == in_blocks
    for query, hits in zip(queries, at_once, strict=True):
        wanted = _brute(rows, query, set(range(331)), 40)
        assert [doc_id for doc_id, _ in hits] == [doc_id for doc_id, _ in wanted]
        # The sum of 67 doubles is at most 67 roundings from the exact one.
        assert [score for _, score in hits] == pytest.approx(
            [score for _, score in wanted], rel=0, abs=67 * 2.0**-53
        )


def test_a_merge_keeps_the_rows_of_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, path = _directions(60, 5), tmp_path / "x"
    sizes = [25, 1, 34]
    for begin, end in zip([0, *accumulate(sizes)], accumulate(sizes), strict=False):
        _write(path, rows[begin:end], first=begin)
    monkeypatch.setattr("lsr.index.merge.BLOCK_DOCS", 8)
    deleted = {0, 7, 8, 25, *range(40, 49)}
    queries = _directions(3, 5, seed=1)
    _delete(path, deleted)
    before = _found(Searcher.open(path), queries, 60)

    _delete(path, set(), merge=True)

    (segment,) = Searcher.open(path).segments
    assert segment.dense is not None
    left = [number for number in range(60) if number not in deleted]
    np.testing.assert_array_equal(segment.dense.rows(0, len(left)), rows[left])
    assert _found(Searcher.open(path), queries, 60) == before
    for _ in verify_index(path):
        pass


def test_damage_is_found_by_the_search_that_would_use_it(tmp_path: Path) -> None:
    path, rows = tmp_path / "x", _directions(6000, 4)
    _write(path, rows)
    (file,) = path.rglob("*.dense.arrays")
    content = bytearray(file.read_bytes())
    content[64 + 5900 * 16 + 3] ^= 1
    file.write_bytes(content)
    query = SparseBatch.from_rows([[(0, 1.0)]], 1)

    searcher = Searcher.open(path)

    assert searcher.search_batch(query, 6000).doc_numbers.size == 6000
    damage = rf"{file.name} is damaged in dense_vectors, bytes 81,920 to 95,999"
    with pytest.raises(CorruptIndexError, match=damage):
        searcher.search_dense_batch(rows[:1], 1)
    with pytest.raises(CorruptIndexError, match="damaged in dense_vectors"):
        list(verify_index(path))
    assert Searcher.open(path, verify=False).search_dense_batch(rows[:1], 1).doc_numbers.size == 1


def test_rows_of_another_length_than_search_relies_on_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(subject, "are_directions", lambda _: True)
        _write(tmp_path / "x", _directions(3, 4) * 2)

    with pytest.raises(CorruptIndexError, match="a dense row has another length than 1 or 0"):
        list(verify_index(tmp_path / "x"))


def test_a_row_for_every_document_is_expected(tmp_path: Path) -> None:
    path = tmp_path / "x"
    _write(path, _directions(3, 4))
    manifest = read_manifest(path)

    (entry,) = manifest.segments
    wider = msgspec.structs.replace(manifest, dense_size=5)
    lost = msgspec.structs.replace(manifest, segments=[msgspec.structs.replace(entry, dense=None)])

    with pytest.raises(CorruptIndexError, match="dense has 12 values where 15 belong"):
        Searcher(path, wider)
    with pytest.raises(CorruptIndexError, match="lacks the array 'dense_vectors'"):
        Searcher(path, lost)


def test_rows_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    rows = _directions(3, 4)
    _write(tmp_path / "x", rows)
    searcher = Searcher.open(tmp_path / "x")

    with pytest.raises(InvalidInputError, match=r"float32 of the shape \(3, 4\), .* \(2, 4\) be"):
        subject.checked_dense_rows(rows, 2, 4)
    with pytest.raises(InvalidInputError, match=r"shape \(0, 4\), but float32 of \(3, 4\) belong"):
        subject.checked_dense_rows(None, 3, 4)
    with pytest.raises(InvalidInputError, match=r"rows are float64"):
        subject.checked_dense_rows(rows.astype(np.float64), 3, 4)
    for wrong in (rows * 2, rows * np.float32("nan"), rows + np.float32(3e38)):
        with pytest.raises(InvalidInputError, match=r"another length than 1, or 0 .* normalize"):
            _write(tmp_path / "y", wrong)
    with pytest.raises(InvalidInputError, match=r"shape \(1, 3\), but float32 of \(1, 4\)"):
        searcher.search_dense_batch(_directions(1, 3), 1)
    with pytest.raises(InvalidInputError, match="k is 0"):
        searcher.search_dense_batch(rows, 0)


def test_an_index_without_rows_has_nothing_to_search(tmp_path: Path) -> None:
    _write(tmp_path / "x", np.empty((2, 0), dtype=np.float32))

    with pytest.raises(InvalidInputError, match="no dense half"):
        Searcher.open(tmp_path / "x").search_dense_batch(_directions(1, 3), 1)
    assert not list((tmp_path / "x").rglob("*.dense.arrays"))
