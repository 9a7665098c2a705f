"""A merge copies what is left of its segments, across the borders of ranges and batches."""

from pathlib import Path

import numpy as np
import pytest

from lsr.documents import Document
from lsr.index import IndexWriter, Searcher, Vocabulary, WeightType, read_manifest, verify_index
from lsr.index.document_store import BATCH_DOCS
from lsr.index.vocabulary import VocabularyKind
from lsr.kernels.postings import RANGE_SIZE, n_ranges
from lsr.kernels.range_coding import decode_range
from lsr.sparse import SparseBatch

N_TERMS = 40
SIZES = [RANGE_SIZE + 300, 200, 1, 5000]
"""Documents of each segment: a whole range, then what must be packed anew."""


def _vectors(numbers: np.ndarray) -> SparseBatch:
    """Return vectors of zero to three terms, exact as impacts."""
    sizes = numbers % 4
    indptr = np.append(0, np.cumsum(sizes))
    kept = np.arange(3) < sizes[:, None]
    terms = np.sort((numbers[:, None] + np.array([0, 7, 11])) % N_TERMS, axis=1)[kept]
    weights = 1.0 + (np.repeat(numbers, sizes) + terms) % 200
    return SparseBatch.from_arrays(indptr, terms, weights, N_TERMS)


def _writer(path: Path, **settings: object) -> IndexWriter:
    (path / "segments").mkdir(parents=True, exist_ok=True)
    manifest = read_manifest(path) if (path / "manifest.json").exists() else None
    defaults: dict[str, object] = {"max_weight": 255.0, "encoder": None, "properties": {}}
    vocabulary = Vocabulary(VocabularyKind.NUMBERS, n_terms=N_TERMS)
    return IndexWriter(path, manifest, vocabulary, **{**defaults, **settings})  # type: ignore[arg-type]


def _rows(searcher: Searcher) -> list[np.ndarray]:
    """Return sizes, terms and impacts of all documents that are not deleted."""
    parts: list[list[np.ndarray]] = [[], [], []]
    for segment in searcher.segments:
        is_live = np.ones(segment.n_docs, dtype=bool)
        is_live[segment.deleted] = False
        for number in range(n_ranges(segment.n_docs)):
            live = is_live[number * RANGE_SIZE :][:RANGE_SIZE]
            indptr, terms, impacts = decode_range(
                segment.postings, number, live.size, segment.n_terms
            )
            sizes = np.diff(indptr)
            kept = np.repeat(live, sizes)
            for part, values in zip(parts, (sizes[live], terms[kept], impacts[kept]), strict=True):
                part.append(values)
    return [np.concatenate(part) for part in parts]


@pytest.fixture(scope="module", params=[WeightType.UINT8, WeightType.FLOAT32])
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of several segments with deletions on both sides of every border."""
    path = tmp_path_factory.mktemp("merge") / "x"
    first = 0
    settings = {"weights": request.param}
    if request.param is WeightType.FLOAT32:
        settings["max_weight"] = None
    for size in SIZES:
        with _writer(path, **settings) as writer:
            numbers = np.arange(first, first + size)
            documents = [Document(f"d{n}", text=f"text {n}" * (n % 3)) for n in numbers.tolist()]
            writer.add(documents, _vectors(numbers))
            writer.commit()
        first += size
    return path


def _merged(path: Path, copy: Path, deleted: list[int]) -> tuple[Searcher, Searcher]:
    """Delete documents in a copy of the index, merge it, and return it before and after."""
    copy.mkdir()
    (copy / "segments").mkdir()
    (copy / "manifest.json").write_bytes((path / "manifest.json").read_bytes())
    for file in (path / "segments").iterdir():
        (copy / "segments" / file.name).hardlink_to(file)
    settings = {
        "weights": read_manifest(path).weights,
        "max_weight": read_manifest(path).max_weight,
    }
    with _writer(copy, **settings) as writer:
        for number in deleted:
            assert writer.delete(f"d{number}")
        writer.commit()
    before = Searcher.open(copy)
    with _writer(copy, **settings) as writer:
        assert writer.merge()
        writer.commit()
    return before, Searcher.open(copy)


@pytest.mark.parametrize(
    "deleted",
    [
        [],
        [0],
        [BATCH_DOCS - 1, BATCH_DOCS, RANGE_SIZE - 1, RANGE_SIZE],
        list(range(RANGE_SIZE + 300, RANGE_SIZE + 501)),
        list(range(3, RANGE_SIZE + 5000, 2)),
    ],
    ids=["nothing", "the first", "borders", "whole segments", "every other"],
)
def test_holds_what_its_segments_held(path: Path, tmp_path: Path, deleted: list[int]) -> None:
    before, after = _merged(path, tmp_path / "x", deleted)

    assert len(after.segments) == 1
    numbers = list(after.live_numbers())
    ids = [segment.doc_ids.to_list() for segment in before.segments]
    live = [one.deleted for one in before.segments]
    wanted_ids = [np.delete(np.array(a), d) for a, d in zip(ids, live, strict=True)]
    assert after.segments[0].doc_ids.to_list() == np.concatenate(wanted_ids).tolist()
    for found, wanted in zip(_rows(after), _rows(before), strict=True):
        np.testing.assert_array_equal(found, wanted)
    for number in (0, 1, 2, BATCH_DOCS, len(numbers) - 1):
        document = after.document(number)
        n = int(document.doc_id[1:])
        assert document.text == f"text {n}" * (n % 3)
        assert after.doc_number(document.doc_id) == number


def test_answers_as_its_segments_did(path: Path, tmp_path: Path) -> None:
    before, after = _merged(path, tmp_path / "x", list(range(0, RANGE_SIZE + 3000, 3)))
    queries = SparseBatch.from_rows(
        [[(term, 1.0), ((term + 5) % N_TERMS, 2.5)] for term in range(9)], N_TERMS
    )

    results = [
        [searcher.named_hits(searcher.search_batch(queries, 500), row) for row in range(9)]
        for searcher in (before, after)
    ]

    assert results[0] == results[1]
    for _ in verify_index(tmp_path / "x"):
        pass
