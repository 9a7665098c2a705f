"""Changes to an index in the middle of which something goes wrong, and what it must hold then."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import lsr
from dense_word_encoder import DenseWordEncoder
from lsr.index import (
    Searcher,
    is_index,
    make_snapshot,
    read_manifest,
    restore_snapshot,
    verify_index,
)
from lsr.sparse import SparseBatch, vocabulary_fingerprint

Vector = dict[str, int]
Model = dict[str, Vector]
"""The vector of each document, in the order in which documents were last added."""

Acknowledge = Callable[[], object]
"""Called when a commit has returned: from then on it must survive."""

TERMS = ["ant", "bee", "cat", "dog", "emu", "fox"]
DENSE_QUERY = np.array([[0.5, -0.5, 0.5, 0.5]], dtype=np.float32)
QUERIES: list[Vector] = [{"ant": 3, "bee": 2, "cat": 1}, {"dog": 1}, {"emu": 7, "fox": 1, "ant": 1}]


class NumberEncoder(DenseWordEncoder):
    """Gives the text of a document the vectors that belong to the document's number."""

    tokens = tuple(TERMS)
    fingerprint = vocabulary_fingerprint(TERMS)
    weight_ceiling = 255.0

    def _encode(self, texts: Sequence[str]) -> SparseBatch:
        vectors = [vector_of(_number_in(text)) for text in texts]
        rows = [[(TERMS.index(term), one[term]) for term in sorted(one)] for one in vectors]
        return SparseBatch.from_rows(rows, len(TERMS))

    def _rows(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.array([dense_of(_number_in(text)) for text in texts], dtype=np.float32)


def _number_in(text: str) -> int:
    return int(text.split()[1])


def dense_of(number: int) -> list[float]:
    """Return the dense row of a document: products of such rows are exact, and many are equal."""
    return [0.5 if number >> place & 1 else -0.5 for place in range(4)]


def vector_of(number: int) -> Vector:
    """Return the vector of a document: small integers, which are kept exactly."""
    return {
        term: 1 + (number * 7 + place * 3) % 5 for place, term in enumerate(TERMS[number % 3 :])
    }


def model_of(*numbers: int) -> Model:
    """Return the model of documents named by number."""
    return {f"d{number}": vector_of(number) for number in numbers}


def record_of(number: int) -> dict[str, object]:
    """Return a document with everything that is stored."""
    return {
        "id": f"d{number}",
        "title": f"Title {number}",
        "text": f"text of the document {number}, " * 20,
        "year": 2000 + number,
    }


def ranking_of(model: Model, query: Vector) -> list[tuple[str, float]]:
    """Return the hits that a dictionary gives: by score, ties by the order of adding."""
    scores = {
        doc_id: float(sum(weight * vector.get(term, 0) for term, weight in query.items()))
        for doc_id, vector in model.items()
    }
    return sorted(((one, score) for one, score in scores.items() if score), key=lambda x: -x[1])


def answers(index: lsr.Index) -> list[list[tuple[str, float]]]:
    """Return the hits of all queries, having compared their documents."""
    results = index.search_batch(QUERIES, k=100)
    _assert_dense_half(index.searcher)
    for hit in results[0]:
        record = record_of(int(hit.doc_id[1:]))
        document = hit.document
        assert (document.title, document.text) == (record["title"], record["text"])
        assert document.metadata == {"year": record["year"]}
    return [[(hit.doc_id, hit.score) for hit in hits] for hits in results]


def _assert_dense_half(searcher: Searcher) -> None:
    """See that every document has the row that belongs to it, and none has another."""
    live = searcher.doc_ids(list(searcher.live_numbers()))
    rows = np.array([dense_of(int(doc_id[1:])) for doc_id in live]).reshape(-1, 4)
    ranked = sorted(zip(live, (rows @ DENSE_QUERY[0]).tolist(), strict=True), key=lambda x: -x[1])
    assert searcher.named_hits(searcher.search_dense_batch(DENSE_QUERY, 100), 0) == ranked


def opened(path: Path) -> lsr.Index:
    """Open an index to add documents."""
    return lsr.Index.open(path, encoder=NumberEncoder())


def created(path: Path) -> lsr.Index:
    """Prepare an index with everything that an index can have."""
    return lsr.Index.create(path, encoder=NumberEncoder())


def is_at(path: Path, model: Model | None) -> bool:
    """Say whether a sound index at `path` holds what the model does; None for no index."""
    if model is None or not is_index(path):
        return model is None and not is_index(path)
    index = lsr.Index.open(path)
    if answers(index) != [ranking_of(model, query) for query in QUERIES]:
        return False
    searcher = index.searcher
    assert searcher.doc_ids(list(searcher.live_numbers())) == list(model)
    for _ in verify_index(path):
        pass
    return True


def assert_next_writer_tidies_up(path: Path, model: Model | None) -> None:
    """Add a document, and see that nothing else is left than what the index needs."""
    model = model or {}
    add(path, 99)
    assert is_at(path, {**model, **model_of(99)})
    files = {one.name for one in (path / "segments").iterdir()}
    assert files == read_manifest(path).file_names()
    assert {one.name for one in path.iterdir()} <= {"manifest.json", "segments", "write.lock"}


def add(path: Path, *numbers: int, acknowledge: Acknowledge = lambda: None) -> None:
    """Add documents in a commit."""
    index = opened(path) if is_index(path) else created(path)
    with index.writer() as writer:
        writer.add_documents([record_of(number) for number in numbers])
        writer.commit()
        acknowledge()


def delete(path: Path, *numbers: int, acknowledge: Acknowledge = lambda: None) -> None:
    """Delete documents in a commit."""
    with lsr.Index.open(path).writer() as writer:
        for number in numbers:
            assert writer.delete(f"d{number}")
        writer.commit()
        acknowledge()


@dataclass(frozen=True)
class Scenario:
    """One commit.

    Attributes:
        name: what is done.
        before: what the index holds before; None for no index.
        after: what it holds once `change` has acknowledged.
        prepare: makes the folder in which the change happens.
        change: makes the change to the folder, and calls its second argument once it is durable.
        index: the index in the folder that changes.
    """

    name: str
    before: Model | None
    after: Model
    prepare: Callable[[Path], None]
    change: Callable[[Path, Acknowledge], None]
    index: str = "idx"


_THREE_SEGMENTS = model_of(0, 2, 3, 4, 6, 7, 8)


def _prepare_nothing(folder: Path) -> None:
    folder.mkdir()


def _prepare_three_segments(folder: Path) -> None:
    folder.mkdir()
    add(folder / "idx", 0, 1, 2, 3)
    add(folder / "idx", 4, 5)
    add(folder / "idx", 6, 7, 8)
    delete(folder / "idx", 1, 5)


def _prepare_snapshot(folder: Path) -> None:
    _prepare_three_segments(folder)
    make_snapshot(folder / "idx", folder / "saved")
    add(folder / "idx", 9)
    delete(folder / "idx", 0)


def _build(folder: Path, acknowledge: Acknowledge) -> None:
    add(folder / "idx", *range(20), acknowledge=acknowledge)


def _add_segment(folder: Path, acknowledge: Acknowledge) -> None:
    add(folder / "idx", *range(10, 20), acknowledge=acknowledge)


def _update(folder: Path, acknowledge: Acknowledge) -> None:
    with opened(folder / "idx").writer() as writer:
        for number in (0, 7):
            writer.add(record_of(number), update=True)
        writer.add(record_of(10))
        writer.commit()
        acknowledge()


def _delete(folder: Path, acknowledge: Acknowledge) -> None:
    delete(folder / "idx", 0, 4, 7, acknowledge=acknowledge)


def _merge(folder: Path, acknowledge: Acknowledge) -> None:
    with lsr.Index.open(folder / "idx").writer() as writer:
        writer.merge()
        writer.commit()
        acknowledge()


def _snapshot(folder: Path, acknowledge: Acknowledge) -> None:
    make_snapshot(folder / "idx", folder / "saved")
    acknowledge()


def _restore(folder: Path, acknowledge: Acknowledge) -> None:
    restore_snapshot(folder / "saved", folder / "idx", replace=True)
    acknowledge()


SCENARIOS = [
    Scenario("build", None, model_of(*range(20)), _prepare_nothing, _build),
    Scenario(
        "add a segment",
        _THREE_SEGMENTS,
        _THREE_SEGMENTS | model_of(*range(10, 20)),
        _prepare_three_segments,
        _add_segment,
    ),
    Scenario(
        "update",
        _THREE_SEGMENTS,
        model_of(2, 3, 4, 6, 8, 0, 7, 10),
        _prepare_three_segments,
        _update,
    ),
    Scenario("delete", _THREE_SEGMENTS, model_of(2, 3, 6, 8), _prepare_three_segments, _delete),
    Scenario("merge", _THREE_SEGMENTS, _THREE_SEGMENTS, _prepare_three_segments, _merge),
    Scenario("snapshot", None, _THREE_SEGMENTS, _prepare_three_segments, _snapshot, index="saved"),
    Scenario(
        "restore",
        model_of(2, 3, 4, 6, 7, 8, 9),
        _THREE_SEGMENTS,
        _prepare_snapshot,
        _restore,
    ),
]
