"""Batches of texts and of vectors go into an index together, in the order in which they came."""

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

import lsr
from lsr.documents import Document, DocumentBatch
from lsr.encoders import EncodedTexts, EncodingListener
from lsr.errors import DuplicateIdError, InvalidInputError, LsrError
from lsr.sparse import SparseBatch
from word_encoder import WORDS, WordEncoder


class LookingAhead(WordEncoder):
    """Reads one run ahead, as encoders do that are busy, and reads three words of a text."""

    def encode_stream(
        self, runs: Iterable[Sequence[str]], listener: EncodingListener | None = None
    ) -> Generator[EncodedTexts, None, None]:
        waiting: deque[Sequence[str]] = deque()
        for texts in runs:
            waiting.append(texts)
            while len(waiting) > 1 or (waiting and not waiting[0]):
                yield self._encoded(waiting.popleft(), listener)
        while waiting:
            yield self._encoded(waiting.popleft(), listener)

    def _encoded(self, texts: Sequence[str], listener: EncodingListener | None) -> EncodedTexts:
        cut = [row for row, text in enumerate(texts) if self.count_tokens(text) > 3]
        short = [" ".join(text.split()[:3]) for text in texts]
        return EncodedTexts(self.encode_documents(short, listener), cut)


def texts(*doc_ids: str, text: str = "fig egg") -> DocumentBatch:
    return DocumentBatch([Document(doc_id, text=text, place=f"c:{doc_id}") for doc_id in doc_ids])


def vectors(*doc_ids: str) -> DocumentBatch:
    rows = SparseBatch.from_rows([[(1, 2.0), (4, 1.0)] for _ in doc_ids], len(WORDS))
    documents = [Document(doc_id, place=f"v:{doc_id}") for doc_id in doc_ids]
    return DocumentBatch(documents, rows, WORDS)


@pytest.fixture
def index(tmp_path: Path) -> lsr.Index:
    return lsr.Index.create(tmp_path / "idx", encoder=LookingAhead())


def doc_ids(index: lsr.Index) -> list[str]:
    return index.searcher.doc_ids(range(index.searcher.n_docs))


def test_batches_are_added_in_order_with_the_vectors_that_single_ones_get(
    index: lsr.Index, tmp_path: Path
) -> None:
    batches = [vectors("a"), texts("b", "c"), vectors("d"), texts("e"), texts("f"), vectors("g")]
    one_by_one = lsr.Index.create(tmp_path / "single", encoder=LookingAhead())
    with one_by_one.writer() as writer:
        expected = [writer.add(batch) for batch in batches]
        writer.commit()

    with index.writer() as writer:
        added = list(writer.add_batches(batches))
        writer.commit()

    assert [[one.doc_id for one in run.documents] for run in added] == [
        *(["a"], ["b", "c"], ["d"], ["e"], ["f"], ["g"])
    ]
    for run, rows in zip(added, expected, strict=True):
        assert [list(map(tuple, row)) for row in run.vectors.rows()] == [
            list(map(tuple, row)) for row in rows.rows()
        ]
    assert doc_ids(index) == doc_ids(one_by_one) == list("abcdefg")
    assert index.search("bread honey fig") == one_by_one.search("bread honey fig")


def test_the_documents_of_texts_that_were_cut_are_told(index: lsr.Index) -> None:
    long = texts("b", text="fig egg honey fig")
    batches = [texts("a"), DocumentBatch([*texts("c").documents, *long.documents]), vectors("d")]

    with index.writer() as writer:
        cut = [[one.doc_id for one in run.truncated] for run in writer.add_batches(batches)]

    assert cut == [[], ["b"], []]


def test_an_id_that_the_batch_before_takes_is_refused(index: lsr.Index) -> None:
    with index.writer() as writer:
        with pytest.raises(DuplicateIdError, match=r"c:b: .*'b'"):
            list(writer.add_batches([texts("a", "b"), texts("c"), texts("b", "d")]))
        with pytest.raises(DuplicateIdError, match=r"v:b: .*'b'"):
            list(writer.add_batches([texts("e"), vectors("b")]))


def test_ids_that_are_taken_are_left_out_where_that_is_wanted(index: lsr.Index) -> None:
    skipped: list[LsrError] = []
    long = texts("b", "d", text="fig egg honey fig")

    with index.writer() as writer:
        batches = [texts("a", "b"), long, vectors("d", "e"), texts("e", "e", "f"), texts("a")]
        added = list(writer.add_batches(batches, skip_bad=skipped.append))
        writer.commit()

    assert [str(error).split(":")[1].strip() for error in skipped] == ["b", "d", "e", "e", "a"]
    assert doc_ids(index) == ["a", "b", "d", "e", "f"]
    assert [[one.doc_id for one in run.truncated] for run in added] == [[], ["d"], [], [], []]
    assert [len(run.vectors) for run in added] == [2, 1, 1, 1, 0]


def test_what_was_yielded_is_added_when_the_rest_is_not_wanted(index: lsr.Index) -> None:
    is_closed = []

    def batches() -> Iterator[DocumentBatch]:
        try:
            for doc_id in "abcdef":
                yield texts(doc_id)
        finally:
            is_closed.append(True)

    with index.writer() as writer:
        with closing(writer.add_batches(batches())) as added:
            next(added)
            next(added)
        writer.commit()

    assert doc_ids(index) == ["a", "b"]
    assert is_closed


def test_vectors_need_no_encoder(tmp_path: Path) -> None:
    settings = {"model": "/no/such/model", "max_length": 256, "precision": "float32"}
    index = lsr.Index.create(tmp_path / "idx", encoder_settings=settings, terms=WORDS)

    with index.writer() as writer:
        assert len(list(writer.add_batches([vectors("a"), vectors("b")]))) == 2
        writer.commit()

    assert doc_ids(index) == ["a", "b"]


def test_texts_need_an_encoder(tmp_path: Path) -> None:
    with lsr.Index.create(tmp_path / "idx").writer() as writer:
        with pytest.raises(InvalidInputError, match=r"c:b: the documents are texts"):
            list(writer.add_batches([vectors("a"), texts("b")]))


def test_documents_are_counted(index: lsr.Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lsr.retrieval.writer.BATCH_DOCS", 2)

    with index.writer() as writer:
        n_docs = writer.add_documents({"id": doc_id, "text": "fig"} for doc_id in "abcde")
        writer.commit()

    assert n_docs == 5
    assert doc_ids(index) == list("abcde")
