"""Documents become segments within a memory that is counted in single postings here."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsr.documents import Document
from lsr.errors import ConfigError
from lsr.index import IndexWriter, MemoryBudget, Searcher, Vocabulary, WeightType, write_lock
from lsr.index.manifest import SegmentEntry
from lsr.index.vocabulary import VocabularyKind
from lsr.sparse import SparseBatch

N_TERMS = 6
_ROWS = st.lists(
    st.dictionaries(st.integers(0, N_TERMS - 1), st.integers(1, 255), max_size=N_TERMS), max_size=20
)


def _built(
    path: Path,
    rows: list[dict[int, int]],
    budget: MemoryBudget,
    batch_size: int = 3,
    **options: object,
) -> tuple[Searcher, list[SegmentEntry]]:
    """Build an index, and return it with the segments that were written before any merge."""
    settings: dict[str, object] = {"max_weight": 255.0, "encoder": None, "properties": {}}
    vocabulary = Vocabulary(VocabularyKind.NUMBERS, n_terms=N_TERMS)
    with (
        write_lock(path),
        IndexWriter(path, None, vocabulary, memory=budget, **{**settings, **options}) as writer,  # type: ignore[arg-type]
    ):
        for first in range(0, len(rows), batch_size):
            part = rows[first : first + batch_size]
            documents = [Document(f"d{first + row}", text=f"t{row}") for row in range(len(part))]
            writer.add(documents, SparseBatch.from_rows([one.items() for one in part], N_TERMS))
        entries = writer.commit().segments
    return Searcher.open(path), entries


def _stored(searcher: Searcher) -> list[dict[int, int]]:
    return [
        {term: impact for term, impact in enumerate(impacts) if impact}
        for segment in searcher.segments
        for impacts in segment.impacts_of(range(segment.n_docs), range(segment.n_terms)).tolist()
    ]


@given(_ROWS, st.integers(1, 60), st.integers(1, 7), st.booleans())
@settings(deadline=None, max_examples=30)
def test_any_memory_gives_the_same_documents(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[dict[int, int]],
    n_bytes: int,
    batch_size: int,
    is_fitted: bool,
) -> None:
    budget = MemoryBudget(rows=n_bytes, waiting=0, kept=10_000)
    max_weight = None if is_fitted else 255.0
    path = tmp_path_factory.mktemp("growing") / "x"

    searcher, entries = _built(path, rows, budget, batch_size, max_weight=max_weight)

    assert _stored(searcher) == rows
    ids = [doc_id for segment in searcher.segments for doc_id in segment.doc_ids.to_list()]
    assert ids == [f"d{number}" for number in range(len(rows))]
    for entry in entries:
        assert entry.n_postings * 5 <= n_bytes or entry.n_docs == 1


def test_ids_of_many_documents_close_a_segment_too(tmp_path: Path) -> None:
    rows = [{0: 1}] * 40
    budget = MemoryBudget(rows=10_000, waiting=0, kept=600)

    searcher, entries = _built(tmp_path / "x", rows, budget)

    assert _stored(searcher) == rows
    assert 2 <= len(entries) <= 8


def test_float32_weights_are_stored_as_they_are(tmp_path: Path) -> None:
    weights = SparseBatch.from_rows([[(0, 0.1), (3, 1e-30)], [(1, 7e30)]], N_TERMS)
    vocabulary = Vocabulary(VocabularyKind.NUMBERS, n_terms=N_TERMS)
    path = tmp_path / "x"
    with (
        write_lock(path),
        IndexWriter(
            path,
            None,
            vocabulary,
            max_weight=None,
            encoder=None,
            properties={},
            weights=WeightType.FLOAT32,
        ) as writer,
    ):
        writer.add([Document("a"), Document("b")], weights)
        writer.commit()

    (segment,) = Searcher.open(path).segments
    assert segment.postings.impacts.dtype == np.float32
    assert sorted(segment.postings.impacts.tolist()) == sorted(weights.weights.tolist())
    assert Searcher.open(path).manifest.max_weight is None


def test_a_memory_that_cannot_do_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"A memory of 1,000 bytes is too small .* at least 320,"):
        MemoryBudget.of(1000)


def test_the_default_memory_is_a_share_of_the_machine() -> None:
    assert MemoryBudget.default().rows > 0
