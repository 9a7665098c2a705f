import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import lsr as library
from command import environment, lsr, tree
from lsr.cli import vector_shards
from lsr.corpus import batches, read_documents
from lsr.documents import DocumentBatch
from tiny_models import WORDS


def test_encoded_vectors_index_as_the_texts_do(
    indexed: Path, tmp_path: Path, tiny_model: Path
) -> None:
    done = lsr(
        *("encode", indexed / "docs.jsonl", "--model", tiny_model, "--max-length", "32"),
        *("--output", "vectors.parquet"),
        cwd=tmp_path,
    )
    assert done.code == 0, done.stderr
    done = lsr("index", "vectors.parquet", "--index", "idx", cwd=tmp_path)
    assert done.code == 0, done.stderr

    # The file names its encoder, so that the index answers text.
    found = library.Index.open(tmp_path / "idx").search("the garden")
    expected = library.Index.open(indexed / "idx").search("the garden")
    assert [hit.doc_id for hit in found] == [hit.doc_id for hit in expected]
    # The ceiling of the quantizer differs: fitted to the vectors, and the encoder's own.
    np.testing.assert_allclose(
        [hit.score for hit in found], [hit.score for hit in expected], rtol=0.02
    )


def test_encoded_queries_search_as_their_texts_do(
    indexed: Path, tmp_path: Path, tiny_model: Path
) -> None:
    (tmp_path / "q.tsv").write_text("q1\tthe garden\nq2\tquery\n")
    lsr(
        *("encode", "q.tsv", "--queries", "--model", tiny_model, "--max-length", "32"),
        *("--output", "q.parquet"),
        cwd=tmp_path,
    )

    for source in ("q.tsv", "q.parquet"):
        done = lsr(
            *("search", "--queries", source, "--run", source + ".trec"),
            *("--index", indexed / "idx"),
            cwd=tmp_path,
        )
        assert done.code == 0, done.stderr

    assert (tmp_path / "q.tsv.trec").read_text() == (tmp_path / "q.parquet.trec").read_text()


def test_a_failure_leaves_the_old_file(tmp_path: Path, tiny_model: Path) -> None:
    (tmp_path / "v.parquet").write_text("old")
    (tmp_path / "bad.jsonl").write_text('{"id": "a", "text": "x"}\n{\n')

    done = lsr(
        *("encode", "bad.jsonl", "--model", tiny_model, "--max-length", "32"),
        *("--output", "v.parquet"),
        cwd=tmp_path,
    )

    assert done.code == 1
    assert "bad.jsonl:2" in done.error
    assert (tmp_path / "v.parquet").read_text() == "old"
    assert set(tree(tmp_path)) == {"bad.jsonl", "v.parquet"}


def test_the_file_is_plain_parquet(indexed: Path, tmp_path: Path, tiny_model: Path) -> None:
    lsr(
        *("encode", indexed / "docs.jsonl", "--model", tiny_model, "--max-length", "32"),
        *("--output", "vectors.parquet"),
        cwd=tmp_path,
    )

    table = pq.read_table(tmp_path / "vectors.parquet")

    assert table.column_names == ["id", "terms", "weights"]
    encoder = library.load_encoder(str(tiny_model), max_length=32)
    batch = encoder.encode_documents(["a garden of flowers in the summer"])
    assert table["id"].to_pylist() == ["d1", "d2", "d3"]
    assert table["terms"].to_pylist()[1] == batch.row(0)[0].tolist()
    assert table["weights"].to_pylist()[1] == pytest.approx(batch.row(0)[1].tolist(), abs=1e-6)


N_DOCS = 20


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twenty documents, of which the thirteenth is long; read by four, written by eight."""
    monkeypatch.setattr(batches, "MAX_BATCH_DOCUMENTS", 4)
    monkeypatch.setattr(vector_shards, "SHARD_DOCS", 8)
    with (tmp_path / "c.jsonl").open("w") as file:
        for number in range(N_DOCS):
            text = " ".join(WORDS[number : number + 3] * (20 if number == 12 else 1))
            file.write(json.dumps({"id": f"d{number}", "text": text}) + "\n")
    return tmp_path


@pytest.fixture
def command(tiny_model: Path) -> tuple[str | Path, ...]:
    return ("encode", "c.jsonl", "--model", tiny_model, "--max-length", "32", "--output", "out")


def _rows(*files: Path) -> list[tuple[str, list[int], list[float]]]:
    tables = [pq.read_table(file).to_pylist() for file in files]
    return [(row["id"], row["terms"], row["weights"]) for table in tables for row in table]


def test_a_folder_holds_the_rows_of_a_single_file(
    corpus: Path, command: tuple[str | Path, ...]
) -> None:
    done = lsr(*command[:-1], "one.parquet", cwd=corpus)
    assert done.code == 0, done.stderr

    done = lsr(*command, "--json", cwd=corpus)

    shards = sorted((corpus / "out").glob("*.parquet"))
    assert [len(_rows(shard)) for shard in shards] == [8, 8, 4]
    assert _rows(*shards) == _rows(corpus / "one.parquet")
    facts = json.loads(done.stdout)
    assert {name: facts[name] for name in ("texts", "resumed", "tokens", "truncated")} == {
        **{"texts": N_DOCS, "resumed": 0, "tokens": 19 * (3 + 2) + 32, "truncated": 1},
    }


def test_a_folder_indexes_as_the_texts_do(
    corpus: Path, command: tuple[str | Path, ...], tiny_model: Path
) -> None:
    assert lsr(*command, cwd=corpus).code == 0

    for source, more in (("out", ()), ("c.jsonl", ("--model", tiny_model, "--max-length", "32"))):
        done = lsr("index", source, "--index", f"{source}.idx", *more, cwd=corpus)
        assert done.code == 0, done.stderr

    found, expected = (
        library.Index.open(corpus / f"{source}.idx").search(WORDS[7], k=N_DOCS)
        for source in ("out", "c.jsonl")
    )
    assert len(found) == len(expected) == N_DOCS
    scores = {hit.doc_id: hit.score for hit in expected}
    # As above, the ceiling of the quantizer differs.
    assert {hit.doc_id: hit.score for hit in found} == pytest.approx(scores, rel=0.05)


_KILLED = """
import os, signal, sys
from lsr.cli import vector_shards
from lsr.cli.app import main
from lsr.corpus import batches

batches.MAX_BATCH_DOCUMENTS, vector_shards.SHARD_DOCS = 4, 8
publish, left = vector_shards.ShardWriter._publish, [int(sys.argv.pop(1))]

def publish_and_die(*args):
    publish(*args)
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)

vector_shards.ShardWriter._publish = publish_and_die
main()
"""


def test_goes_on_after_a_kill(corpus: Path, command: tuple[str | Path, ...]) -> None:
    assert lsr(*command[:-1], "straight", cwd=corpus).code == 0
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, "2", *map(str, command)],
        cwd=corpus,
        env=environment(),
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert set(tree(corpus / "out")) == {"part-00000.parquet", "vectors.json"}
    done = lsr("index", "out", "--index", "idx", cwd=corpus)
    assert "out holds the vectors of only the first 8 documents of" in done.error

    done = lsr(*command, "--resume", "--json", cwd=corpus)

    assert done.code == 0, done.stderr
    facts = json.loads(done.stdout)
    assert (facts["texts"], facts["resumed"]) == (N_DOCS - 8, 8)
    assert tree(corpus / "out") == tree(corpus / "straight")


def test_an_interruption_keeps_whole_shards_and_says_so(
    corpus: Path, command: tuple[str | Path, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any) -> Iterator[DocumentBatch]:
        yield from islice(read_documents(*args), 4)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "_exit", sys.exit)
    with monkeypatch.context() as patch:
        patch.setattr("lsr.corpus.read_documents", broken)
        done = lsr(*command, cwd=corpus)

    assert done.code == 130
    assert "the vectors of 8 documents are kept; repeat the command with --resume" in done.stderr
    assert not [one for one in threading.enumerate() if one.name.startswith("lsr-")]
    assert lsr(*command, "--resume", cwd=corpus).code == 0
    assert len(_rows(*(corpus / "out").glob("*.parquet"))) == N_DOCS


def test_only_the_same_encoding_is_resumed(
    corpus: Path, command: tuple[str | Path, ...], tiny_model: Path, tmp_path: Path
) -> None:
    assert lsr(*command, cwd=corpus).code == 0
    before = tree(corpus / "out")
    (corpus / "other.jsonl").write_text('{"id": "a", "text": "b"}\n')
    other_model = shutil.copytree(tiny_model, tmp_path / "other-model")

    def error(*changed: str | Path) -> str:
        options = dict(zip(command[2::2], command[3::2], strict=True))
        options |= dict(zip(changed[1::2], changed[2::2], strict=True))
        arguments = [one for pair in options.items() for one in pair]
        return lsr("encode", changed[0], *arguments, "--resume", cwd=corpus).error

    assert "were made with the max length 32, not 16;" in error("c.jsonl", "--max-length", "16")
    assert "other-model'; repeat the command" in error("c.jsonl", "--model", other_model)
    assert f"out are those of {corpus}/c.jsonl; repeat" in error("other.jsonl")
    assert "Standard input cannot be read again" in error("-")
    os.utime(corpus / "c.jsonl", (1, 1))
    assert "c.jsonl has changed since its vectors in out were made" in error("c.jsonl")
    assert "out holds the vectors of 20 documents; continue with" in lsr(*command, cwd=corpus).error
    assert tree(corpus / "out") == before


@pytest.mark.parametrize(
    ("output", "more", "message"),
    [
        ("out.npz", (), "--output must end in .parquet or be a folder"),
        ("out.parquet", ("--resume",), "--resume needs --output to be a folder"),
        ("out", ("--queries",), "Queries go to one file"),
        ("out.parquet", ("--queries", "--engine", "ray"), "Queries are few, and encoded here"),
    ],
)
def test_outputs_that_do_not_suit_the_options_are_usage_errors(
    corpus: Path,
    command: tuple[str | Path, ...],
    output: str,
    more: tuple[str, ...],
    message: str,
) -> None:
    done = lsr(*command[:-1], output, *more, cwd=corpus)

    assert done.code == 2
    assert message in " ".join(done.stderr.split())


@pytest.mark.parametrize("verb", ["encode", "index"])
def test_a_long_text_is_named_where_it_must_not_be_cut(
    corpus: Path, tiny_model: Path, verb: str
) -> None:
    target = ("--index", "idx") if verb == "index" else ("--output", "v.parquet")
    before = tree(corpus)

    done = lsr(
        *(verb, "c.jsonl", "--model", tiny_model, "--max-length", "32", *target),
        *("--on-long", "error"),
        cwd=corpus,
    )

    assert done.code == 1
    assert done.error == (
        "c.jsonl:13: document 'd12' has 62 tokens, and the encoder reads 32; split it, raise "
        "--max-length, or cut long texts with --on-long truncate."
    )
    assert {name for name in tree(corpus) if not name.startswith("idx")} == set(before)
    assert not (corpus / "idx" / "manifest.json").exists()


def test_the_last_line_says_what_was_done(corpus: Path, command: tuple[str | Path, ...]) -> None:
    done = lsr(*command, cwd=corpus)

    assert re.fullmatch(
        r"20 texts of 127 tokens to out in [\d.]+ s \([\d,]+/s, [\d,]+ tokens/s\), "
        r"[\d.]+ terms each; 1 cut at 32 tokens\.\n",
        done.stdout,
    )


def test_an_index_of_texts_counts_their_tokens(corpus: Path, tiny_model: Path) -> None:
    command = ("index", "c.jsonl", "--model", tiny_model, "--max-length", "32", "--index")

    facts = json.loads(lsr(*command, "a", "--json", cwd=corpus).stdout)
    line = lsr(*command, "b", cwd=corpus).stdout

    assert (facts["added"], facts["tokens"], facts["truncated"]) == (N_DOCS, 19 * (3 + 2) + 32, 1)
    assert re.match(r"20 documents added to b in [\d.]+ s \([\d,]+/s; [\d,]+ tokens/s\); it", line)
