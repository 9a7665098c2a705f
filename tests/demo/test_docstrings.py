import importlib.metadata
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from lsr.demo.docstrings import (
    MIN_CHARACTERS,
    SOURCES,
    Source,
    corpus_fingerprint,
    docstring_documents,
    package_documents,
)
from lsr.documents import Document, checked_id

PROSE = (
    "This sentence is repeated until the documentation is long enough to be worth a search. " * 3
)


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    """Documents of the standard library and NumPy, which every installation has."""
    return list(docstring_documents(SOURCES[:1]))


def test_every_machine_has_thousands(documents: list[Document]) -> None:
    assert len(documents) > 2000
    assert {one.metadata["package"] for one in documents} == {"python", "numpy"}


def test_ids_and_texts_are_distinct_and_valid(documents: list[Document]) -> None:
    assert len({one.doc_id for one in documents}) == len(documents)
    assert len({one.text for one in documents}) == len(documents)
    assert all(checked_id(one.doc_id, "here") for one in documents)
    assert all(len(one.text) >= MIN_CHARACTERS for one in documents)


def test_nothing_private_or_tested_is_taken(documents: list[Document]) -> None:
    names = {part for one in documents for part in one.doc_id.split(".")}
    folders = {part for one in documents for part in Path(one.metadata["file"]).parts}

    assert not [name for name in names if name.startswith("_")]
    assert folders.isdisjoint({"tests", "test", "externals"})


def test_documents_say_where_they_stand(documents: list[Document]) -> None:
    by_id = {one.doc_id: one for one in documents}
    found = by_id["json.JSONDecoder"]

    assert found.title.startswith("json.JSONDecoder(")
    assert found.metadata["package"] == "python"
    assert found.metadata["kind"] == "class"
    assert found.metadata["file"] == "json/decoder.py"
    source = Path(sysconfig.get_path("stdlib"), "json/decoder.py").read_text("utf-8")
    assert source.splitlines()[found.metadata["line"] - 1].startswith("class JSONDecoder")


def test_order_is_the_same_again() -> None:
    (numpy, *_) = SOURCES

    assert list(package_documents(numpy, set())) == list(package_documents(numpy, set()))


def test_nothing_is_imported() -> None:
    code = (
        "import sys; from lsr.demo.docstrings import Source, package_documents;"
        "before = set(sys.modules);"
        "assert list(package_documents(Source('scipy', 'scipy', 9), set()));"
        "print('scipy' in set(sys.modules) - before)"
    )

    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert result.stdout.strip() == "False"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """A small package with three functions, two of them with equal documentation."""
    folder = tmp_path / "tinypack"
    folder.mkdir()
    functions = [("b", PROSE), ("a", PROSE + "First."), ("c", PROSE), ("short", "Short.")]
    source = "\n".join(f"def {name}(): '''{prose}'''" for name, prose in functions)
    (folder / "__init__.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return Source("tinypack-dist", "tinypack", quota=10)


def names_of(source: Source) -> list[str]:
    return [one.doc_id for one in package_documents(source, set())]


def test_repeated_and_short_texts_are_left_out(package: Source) -> None:
    names = names_of(package)

    assert len(names) == 2
    assert set(names) < {"tinypack.a", "tinypack.b", "tinypack.c"}


def test_quota_is_kept(package: Source) -> None:
    assert len(names_of(Source(package.distribution, package.package, quota=1))) == 1


def test_packages_that_are_absent_are_passed_over() -> None:
    absent = Source("absent-dist", "absent_package_of_nobody", quota=10)

    assert names_of(absent) == []
    assert corpus_fingerprint([absent]) == corpus_fingerprint([])


def test_fingerprint_follows_versions_and_packages(
    package: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = corpus_fingerprint([])
    before = corpus_fingerprint([package])
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "9.9")

    after = corpus_fingerprint([package])

    assert len({without, before, after}) == 3
    assert corpus_fingerprint([package]) == after
