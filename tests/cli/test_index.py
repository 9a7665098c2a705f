import json
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

import lsr as library
from command import COMMAND, environment, lsr, tree
from tiny_models import save_tiny_model


def test_says_what_was_added(indexed: Path) -> None:
    facts = json.loads(lsr("info", "--index", "idx", "--json", cwd=indexed).stdout)

    assert facts["n_docs"] == 3
    assert facts["encoder"]["max_length"] == 32
    assert facts["vocabulary"] == "model"


def test_adding_makes_a_second_segment_with_the_remembered_model(
    indexed: Path, tmp_path: Path
) -> None:
    shutil.copytree(indexed, tmp_path / "copy")

    done = lsr(
        *("index", "-", "--index", "idx", "--json"),
        stdin='{"id": "d4", "text": "a question of the number seven"}\n',
        cwd=tmp_path / "copy",
    )

    assert done.code == 0, done.stderr
    assert [one["n_docs"] for one in json.loads(done.stdout)["index"]["segments"]] == [3, 1]
    index = library.Index.open(tmp_path / "copy" / "idx")
    assert {hit.doc_id for hit in index.search("the number seven")} == {"d1", "d2", "d3", "d4"}


def test_force_replaces(indexed: Path, tmp_path: Path, tiny_model: Path) -> None:
    shutil.copytree(indexed, tmp_path / "copy")

    done = lsr(
        *("index", "-", "--index", "idx", "--model", tiny_model, "--force"),
        stdin='{"id": "only", "text": "one"}',
        cwd=tmp_path / "copy",
    )

    assert done.code == 0, done.stderr
    index = library.Index.open(tmp_path / "copy" / "idx")
    assert index.searcher.doc_ids(range(index.searcher.n_docs)) == ["only"]


def test_a_document_without_text_is_kept_and_named(tmp_path: Path, tiny_model: Path) -> None:
    done = lsr(
        *("index", "-", "--index", "idx", "--model", tiny_model),
        stdin='{"id": "a", "text": "water"}\n{"id": "b", "text": " "}\n',
        cwd=tmp_path,
    )

    assert done.code == 0
    assert "stdin:2: document 'b' has no text; it is stored, but no query will find it." in (
        done.stderr.replace("<stdin>", "stdin")
    )
    index = library.Index.open(tmp_path / "idx")
    assert [hit.doc_id for hit in index.search("water")] == ["a"]
    assert index.searcher.n_docs == 2


def test_a_document_of_10_megabytes_is_cut_and_named(tmp_path: Path, tiny_model: Path) -> None:
    text = "water and garden " * 600_000
    (tmp_path / "long.jsonl").write_text(json.dumps({"id": "long", "text": text}))

    done = lsr("index", "long.jsonl", "--index", "idx", "--model", tiny_model, cwd=tmp_path)

    assert done.code == 0, done.stderr
    assert "long.jsonl:1: document 'long' has 10,200,000 characters" in done.stderr
    assert "split it into passages" in done.stderr
    (hit,) = library.Index.open(tmp_path / "idx").search("garden")
    assert hit.document.text == text


def test_a_model_with_another_vocabulary_is_refused(indexed: Path, tmp_path: Path) -> None:
    other = save_tiny_model(tmp_path / "roberta", "roberta")

    done = lsr("search", "water", "--index", "idx", "--model", other, cwd=indexed)

    assert done.code == 3
    assert "has another vocabulary" in done.error
    assert "use the model that the index was built with" in done.error


def test_the_model_is_found_from_another_folder(tmp_path: Path, tiny_model: Path) -> None:
    """A relative model path is remembered absolutely."""
    shutil.copytree(tiny_model, tmp_path / "model")
    done = lsr(
        *("index", "-", "--index", "idx", "--model", "model", "--max-length", "32"),
        stdin='{"id": "a", "text": "water"}',
        cwd=tmp_path,
    )
    assert done.code == 0, done.stderr
    (tmp_path / "elsewhere").mkdir()

    done = lsr("search", "water", "--index", "../idx", cwd=tmp_path / "elsewhere")

    assert done.code == 0, done.stderr
    again = lsr(
        *("index", "-", "--index", "idx", "--model", "model"),
        stdin='{"id": "b", "text": "wheel"}',
        cwd=tmp_path,
    )
    assert again.code == 0, again.stderr


@pytest.mark.parametrize("of_text", [False, True], ids=["vectors", "texts"])
def test_ctrl_c_leaves_the_last_commit_whole(
    indexed: Path, tmp_path: Path, tiny_model: Path, of_text: bool
) -> None:
    shutil.copytree(indexed, tmp_path / "copy")
    index = tmp_path / "copy" / "idx"
    before = tree(index)
    process = subprocess.Popen(
        [COMMAND, "index", "-", "--index", index],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        # A shell's background job ignores Ctrl-C, and what it starts would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdin
    # A pipe holds 64 kB, so when a megabyte has gone through, the command is at work.
    for number in range(10_000):
        vector = {} if of_text else {"vector": {"water": 1 + number % 3}}
        record = {"id": f"n{number}", "text": "water " * 15, **vector}
        process.stdin.write(json.dumps(record).encode() + b"\n")

    process.send_signal(signal.SIGINT)

    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert b"interrupted; what was committed before is intact." in stderr
    assert b"Traceback" not in stderr
    assert tree(index) == before


def test_a_locked_index_names_the_writer(indexed: Path, tmp_path: Path) -> None:
    shutil.copytree(indexed, tmp_path / "copy")
    index = library.Index.open(tmp_path / "copy" / "idx")

    with index.writer():
        done = lsr("index", "docs.jsonl", "--index", "idx", cwd=tmp_path / "copy")

    assert done.code == 4
    assert "is being written by process" in done.error
