"""Write small corpora and read them back."""

from pathlib import Path

import pytest

from corpora import Skim, Write
from lsr.corpus import read_documents
from lsr.documents import Document
from lsr.errors import LsrError


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file and return its path."""

    def write_file(name: str, content: bytes | str) -> str:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write_file


@pytest.fixture
def skim() -> Skim:
    """Read a corpus, skipping bad lines; return the documents and the messages."""

    def read(source: str) -> tuple[list[Document], list[str]]:
        errors: list[LsrError] = []
        batches = read_documents(source, skip_bad=errors.append)
        documents = [document for batch in batches for document in batch.documents]
        return documents, [str(error) for error in errors]

    return read
