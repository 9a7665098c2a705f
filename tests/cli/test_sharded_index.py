"""`lsr index --shards`: the same answers, an interrupted build that goes on, options refused."""

import json
from pathlib import Path

import pytest

from command import lsr
from lsr.cluster import building
from lsr.index import Manifest, begin_shard
from sharded_builds import write_collection


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_collection(tmp_path / "docs.jsonl", 300)
    return tmp_path


def test_goes_on_with_the_shards_that_are_missing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("index", "docs.jsonl", "--index", "idx", "--json", "--shards", "3")

    def interrupt(index_path: Path, draft: Manifest, attempt: Path) -> None:
        begin_shard(index_path, draft, attempt)
        if "00002" in attempt.name:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(building, "begin_shard", interrupt)
        failed = lsr(*options, cwd=folder)
    assert failed.code == 130
    assert "shards to build: 1; repeat the command with --resume" in failed.stderr
    refused = lsr(*options, cwd=folder)
    assert "holds an interrupted build" in refused.stderr
    other = lsr(*options[:-1], "4", "--resume", cwd=folder)
    assert "had --shards 3, not --shards 4" in other.stderr
    done = lsr(*options, "--resume", cwd=folder)

    assert done.code == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["shards"], answer["built"], answer["index"]["n_docs"]) == (3, 1, 300)


def test_options_that_shards_cannot_have(folder: Path) -> None:
    for options, reason in (
        (("--shards", "2", "--update"), "leave out --update"),
        (("--shards", "2", "--on-long", "error"), "leave out --update and --on-long error"),
        (("--engine", "ray"), "--engine needs --shards"),
        (("--shards", "2", "--engine", "127.0.0.1:1"), "No cluster of Ray answers at 127.0.0.1:1"),
    ):
        done = lsr("index", "docs.jsonl", "--index", "idx", *options, cwd=folder)
        assert (done.code, reason in done.stderr) == (1, True), done.stderr
    assert not (folder / "idx").exists()


def test_documents_are_added_without_the_option(folder: Path) -> None:
    assert lsr("index", "docs.jsonl", "--index", "idx", "--shards", "2", cwd=folder).code == 0
    line = '{"id": "new", "vector": {"t0": 1}}\n'

    refused = lsr("index", "docs.jsonl", "--index", "idx", "--shards", "2", cwd=folder)
    added = lsr("index", "-", "--index", "idx", "--json", stdin=line, cwd=folder)

    assert "--shards is fixed when one is made" in refused.stderr
    assert json.loads(added.stdout)["index"]["n_docs"] == 301


def test_texts_are_encoded_as_without_shards(folder: Path, tiny_model: Path) -> None:
    (folder / "texts.jsonl").write_text(
        "".join(f'{{"id": "{n}", "text": "question number {n} of water"}}\n' for n in range(40))
    )
    (folder / "queries.tsv").write_text("1\twater\n2\tnumber of a question\n")
    for name, options in (("whole", ()), ("sharded", ("--shards", "3"))):
        done = lsr(
            *("index", "texts.jsonl", "--index", name, "--model", tiny_model, *options), cwd=folder
        )
        assert done.code == 0, done.stderr
        found = lsr(
            *("search", "--queries", "queries.tsv", "--index", name, "--run", f"{name}.trec"),
            cwd=folder,
        )
        assert found.code == 0, found.stderr

    assert (folder / "whole.trec").read_text() == (folder / "sharded.trec").read_text()
