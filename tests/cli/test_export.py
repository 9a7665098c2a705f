"""`lsr export` and `lsr import`."""

import json
from pathlib import Path

import pytest

from command import lsr, tree
from lsr.cli.export import Target
from lsr.cli.importing import Origin
from lsr.interchange import FORMATS, IMPORTS

VECTORS = (
    '{"id": "a", "text": "a cat", "vector": {"cat": 2.5, "##x": 0.5}}\n'
    '{"id": "b", "vector": {"cat": 1}}\n{"id": "c", "vector": {}}\n'
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    done = lsr("index", "-", "--index", "idx", "--max-weight", "2.55", stdin=VECTORS, cwd=tmp_path)
    assert done.code == 0, done.stderr
    return tmp_path


def test_the_command_line_knows_every_format() -> None:
    assert [one.value for one in Target] == list(FORMATS)
    assert [one.value for one in Origin] == list(IMPORTS)


@pytest.mark.parametrize("name", FORMATS)
def test_an_export_says_what_it_holds(folder: Path, name: str) -> None:
    done = lsr("export", name, "--index", "idx", "--output", "out", cwd=folder)

    assert done.code == 0, done.stderr
    assert done.stdout.startswith("3 documents to out in ")
    assert done.stdout.endswith("; its values are impacts, weight = value * 0.01.\n")
    record = json.loads((folder / "out" / "lsr-export.json").read_text())
    assert (record["format"], record["n_docs"], record["n_postings"]) == (name, 3, 3)


def test_machines_get_the_record(folder: Path) -> None:
    done = lsr("export", "ciff", "--index", "idx", "-o", "out", "--json", cwd=folder)

    printed = json.loads(done.stdout)
    assert printed.pop("output") == "out"
    assert printed == json.loads((folder / "out" / "lsr-export.json").read_text())


@pytest.mark.parametrize("name", IMPORTS)
def test_what_goes_out_comes_in(folder: Path, name: str) -> None:
    assert lsr("export", name, "--index", "idx", "-o", "out", cwd=folder).code == 0

    done = lsr("import", name, "out", "--index", "back", "--json", cwd=folder)

    assert done.code == 0, done.stderr
    printed = json.loads(done.stdout)
    assert printed["added"] == 3
    assert (printed["index"]["n_postings"], printed["index"]["max_weight"]) == (3, 255.0)
    again = lsr("import", name, "out", "--index", "back", cwd=folder)
    assert again.code == 1
    assert "'a'" in again.error
    assert lsr("import", name, "out", "--index", "back", "--force", cwd=folder).code == 0


def test_text_queries_go_out_as_the_encoders_vectors(indexed: Path, tmp_path: Path) -> None:
    (tmp_path / "q.tsv").write_text("q1\tthe river\nq2\t\n")

    done = lsr(
        *("export", "anserini", "--index", indexed / "idx", "-o", tmp_path / "out"),
        *("--queries", tmp_path / "q.tsv", "--query-scale", "50"),
    )

    assert done.code == 0, done.stderr
    assert "3 documents and 2 queries, weights times 50" in done.stdout
    record = json.loads((tmp_path / "out" / "lsr-export.json").read_text())
    assert record["queries"]["scale"] == 50
    assert record["index"]["encoder"]["max_length"] == 32
    written = (tmp_path / "out" / "queries.tsv").read_text().splitlines()
    assert len(written) == 2 - record["queries"]["n_without_terms"]
    assert written[0].startswith("q1\t")


def test_queries_that_find_nothing_are_told(folder: Path) -> None:
    queries = '{"id": "q1", "vector": {"dog": 1}}\n{"id": "q2", "vector": {"cat": 1}}\n'

    done = lsr(
        *("export", "pisa", "--index", "idx", "-o", "out", "--queries", "-"),
        stdin=queries,
        cwd=folder,
    )

    assert done.code == 0, done.stderr
    assert "warning: queries without a term of the index: 1; a file that" in done.stderr
    assert (folder / "out" / "queries.txt").read_text() == "q2:cat\n"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["lucene"], 2, "'lucene' is not one of 'anserini'"),
        (["ciff", "--scale", "10"], 1, "impacts of 8 bits, which leave it as they are"),
        (["ciff", "--queries", "q"], 1, "CIFF takes no file of queries"),
        (["anserini", "--queries", "nowhere"], 1, "no file or folder 'nowhere'"),
        (["anserini", "--index", "nowhere"], 1, "nowhere is not an index"),
        (["anserini", "-o", "idx", "--force"], 1, "holds something that is not an export"),
    ],
)
def test_mistakes_cost_one_sentence_and_no_file(
    folder: Path, arguments: list[str], code: int, message: str
) -> None:
    before = tree(folder)
    defaults = ["--index", "idx"] if "--index" not in arguments else []
    defaults += ["-o", "out"] if "-o" not in arguments else []

    done = lsr("export", *arguments, *defaults, cwd=folder)

    assert done.code == code
    assert message in (done.stderr if code == 2 else done.error)
    assert tree(folder) == before


def test_a_second_export_needs_force(folder: Path) -> None:
    assert lsr("export", "ciff", "--index", "idx", "-o", "out", cwd=folder).code == 0

    done = lsr("export", "pisa", "--index", "idx", "-o", "out", cwd=folder)

    assert done.code == 1
    assert done.error.endswith(
        "out holds an export already; choose another folder, or replace it (--force)."
    )
    forced = lsr("export", "pisa", "--index", "idx", "-o", "out", "--force", cwd=folder)
    assert forced.code == 0, forced.stderr


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere", "There is no file or folder 'nowhere'"),
        ("idx", "holds no index.ciff, nor another .ciff file"),
        ("text.txt", "none of the known endings"),
    ],
)
def test_an_import_of_something_else_is_refused(folder: Path, source: str, message: str) -> None:
    (folder / "text.txt").write_text("text")

    done = lsr("import", "ciff", source, "--index", "back", cwd=folder)

    assert done.code == 1
    assert message in done.error
    assert not (folder / "back" / "manifest.json").exists()
