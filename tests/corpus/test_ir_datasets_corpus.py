import json
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from corpora import Skim
from lsr.corpus import corpus_size, read_documents
from lsr.errors import InvalidInputError, MissingDependencyError


class Article(NamedTuple):
    doc_id: str
    text: str
    title: str
    authors: tuple[str, ...]


class Page(NamedTuple):
    doc_id: str
    body: str

    def default_text(self) -> str:
        return self.body


class Dataset:
    def __init__(self, documents: list[Any], failure: Exception | None = None) -> None:
        self._documents = documents
        self._failure = failure

    def has_docs(self) -> bool:
        return bool(self._documents or self._failure)

    def docs_iter(self) -> Iterator[Any]:
        yield from self._documents
        if self._failure:
            raise self._failure

    def metadata(self) -> dict[str, Any]:
        return {"docs": {"count": 5183}}


def _offer(monkeypatch: pytest.MonkeyPatch, dataset: Dataset) -> None:
    ir_datasets = pytest.importorskip("ir_datasets")
    monkeypatch.setattr(ir_datasets, "load", lambda name: {"beir/scifact": dataset}[name])


def test_reads_fields_and_default_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    _offer(monkeypatch, Dataset([Article("1", "x", "t", ("Ada",)), Page("2", "y")]))

    (batch,) = read_documents("irds:beir/scifact")

    article, page = batch.documents
    assert (article.doc_id, article.title, article.text) == ("1", "t", "x")
    assert json.dumps(article.metadata) == '{"authors": ["Ada"]}'
    assert (page.text, page.place) == ("y", "irds:beir/scifact: document 2")
    assert corpus_size("irds:beir/scifact") == 5183


def test_an_unknown_dataset_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    _offer(monkeypatch, Dataset([]))

    with pytest.raises(InvalidInputError, match="knows no dataset 'beir/nothing'"):
        read_documents("irds:beir/nothing")


def test_a_dataset_without_documents_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _offer(monkeypatch, Dataset([]))

    with pytest.raises(InvalidInputError, match="has no documents"):
        read_documents("irds:beir/scifact")


@pytest.mark.parametrize("failure", [OSError("no\nroute"), RuntimeError("x" * 5000)])
def test_a_failed_download_says_where_the_files_may_be_put(
    monkeypatch: pytest.MonkeyPatch, skim: Skim, failure: Exception
) -> None:
    _offer(monkeypatch, Dataset([], failure))

    with pytest.raises(InvalidInputError, match="put the files where ir_datasets looks") as caught:
        skim("irds:beir/scifact")

    message = str(caught.value)
    assert "BEIR folder" in message
    assert type(failure).__name__ in message
    assert "\n" not in message
    assert len(message) < 600


def test_a_bad_document_can_be_skipped(monkeypatch: pytest.MonkeyPatch, skim: Skim) -> None:
    _offer(monkeypatch, Dataset([Page("a b", "x"), Page("2", "y")]))

    documents, messages = skim("irds:beir/scifact")

    assert [document.doc_id for document in documents] == ["2"]
    assert "irds:beir/scifact: document 1: " in messages[0]


def test_the_missing_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ir_datasets", None)

    with pytest.raises(MissingDependencyError, match=r"lsr-engine\[eval\]"):
        read_documents("irds:beir/scifact")
