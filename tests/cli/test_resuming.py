"""An interrupted `lsr index` goes on with --resume, to the index that a single run makes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lsr as library
import lsr.index.writer as index_writer
from command import Outcome, environment, lsr, tree
from lsr import corpus
from lsr.corpus import batches
from lsr.documents import DocumentBatch
from lsr.errors import DiskFullError
from lsr.index import verify_index

WORDS = [f"w{number}" for number in range(30)]
QUERIES = [{word: 1 + number % 3} for number, word in enumerate(WORDS)]
NEW = ("index", "a.jsonl", "b.jsonl", "--index", "idx", "--max-weight", "255", "--json")
ADDING = ("index", "a.jsonl", "b.jsonl", "--index", "base", "--update", "--json")
N_BATCHES = 10
"""Batches of ten documents in both files: five of 45, five of 50."""

Answers = list[list[tuple[str, float]]]


def _write(path: Path, numbers: range, shift: int = 0) -> None:
    with path.open("w") as file:
        for number in numbers:
            places = [(number * step + shift) % len(WORDS) for step in (3, 5, 7)]
            vector = {WORDS[place]: 1 + (number + place) % 4 for place in places}
            record = {"id": f"d{number}", "text": f"text {number}", "vector": vector}
            file.write(json.dumps(record) + "\n")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two corpora, an index ``base`` to add to, and a checkpoint after every ten documents."""
    monkeypatch.setattr(batches, "MAX_BATCH_DOCUMENTS", 10)
    _write(tmp_path / "a.jsonl", range(45))
    _write(tmp_path / "b.jsonl", range(45, 95))
    _write(tmp_path / "old.jsonl", range(30, 60), shift=1)
    _run(tmp_path, "index", "old.jsonl", "--index", "base", "--max-weight", "255")
    monkeypatch.setattr(index_writer, "CHECKPOINT_SECONDS", 0.0)
    # After Ctrl-C the command leaves the process, which is the tests' own here.
    monkeypatch.setattr(os, "_exit", sys.exit)
    return tmp_path


def _run(folder: Path, *arguments: str, code: int = 0) -> Outcome:
    done = lsr(*arguments, cwd=folder)
    assert done.code == code, done.stderr
    return done


def _answers(path: Path) -> Answers:
    for _ in verify_index(path):
        pass
    results = library.Index.open(path).search_batch(QUERIES, k=200)
    return [[(hit.doc_id, hit.score) for hit in hits] for hits in results]


def _straight(folder: Path, command: tuple[str, ...]) -> Answers:
    """Run a command beside the folder, without interruption."""
    name = command[command.index("--index") + 1]
    copy = folder / "straight"
    copy.mkdir()
    for file in ("a.jsonl", "b.jsonl", "old.jsonl"):
        (copy / file).write_bytes((folder / file).read_bytes())
    if name == "base":
        _run(copy, "index", "old.jsonl", "--index", "base", "--max-weight", "255")
    _run(copy, *command)
    return _answers(copy / name)


def _broken_reader(n_batches: int, error: BaseException) -> Any:
    """Return a reader that fails once it has yielded so many batches of all files together."""
    real = corpus.read_documents
    left = n_batches

    def read(*args: Any, **kwargs: Any) -> Iterator[DocumentBatch]:
        nonlocal left
        for batch in real(*args, **kwargs):
            if left == 0:
                raise error
            left -= 1
            yield batch

    return read


@pytest.mark.parametrize("command", [NEW, ADDING], ids=["new", "adding"])
@pytest.mark.parametrize("n_batches", [1, 5, 9])
@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), 130), (DiskFullError("The disk is full."), 5)]
)
def test_goes_on_after_an_interruption(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    n_batches: int,
    error: BaseException,
    code: int,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(corpus, "read_documents", _broken_reader(n_batches, error))
        broken = _run(folder, *command, code=code)
    n_kept = min(n_batches * 10, 45) + max(0, n_batches - 5) * 10
    assert f"{n_kept} documents are kept; repeat the command with --resume" in broken.stderr

    done = _run(folder, *command, "--resume")

    facts = json.loads(done.stdout)
    assert (facts["added"], facts["resumed"]) == (95, n_kept)
    name = command[command.index("--index") + 1]
    assert _answers(folder / name) == _straight(folder, command)
    assert {one.name for one in (folder / name).iterdir()} <= {
        *("manifest.json", "segments", "write.lock")
    }


def test_goes_on_after_two_interruptions(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for n_batches in (3, 6):
        with monkeypatch.context() as patch:
            patch.setattr(corpus, "read_documents", _broken_reader(n_batches, KeyboardInterrupt()))
            _run(folder, *NEW, "--resume", code=130)

    _run(folder, *NEW, "--resume")

    assert _answers(folder / "idx") == _straight(folder, NEW)


_KILLED = """
import os, signal, sys
from lsr.cli.app import main
from lsr.corpus import batches
from lsr.index import writer

batches.MAX_BATCH_DOCUMENTS, writer.CHECKPOINT_SECONDS = 10, 0.0
write, left = writer.write_checkpoint, [int(sys.argv.pop(1))]

def write_and_die(*args):
    write(*args)
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)

writer.write_checkpoint = write_and_die
main()
"""


@pytest.mark.parametrize("n_checkpoints", [1, 7])
def test_goes_on_after_a_kill(folder: Path, n_checkpoints: int) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, str(n_checkpoints), *NEW],
        cwd=folder,
        env=environment(),
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL

    done = _run(folder, *NEW, "--resume")

    assert json.loads(done.stdout)["resumed"] >= 10 * n_checkpoints - 5
    assert _answers(folder / "idx") == _straight(folder, NEW)


@pytest.fixture
def interrupted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    with monkeypatch.context() as patch:
        patch.setattr(corpus, "read_documents", _broken_reader(4, KeyboardInterrupt()))
        _run(folder, *ADDING, code=130)
    return folder


def test_nothing_of_an_interrupted_build_is_visible(interrupted: Path) -> None:
    searcher = library.Index.open(interrupted / "base").searcher

    assert searcher.doc_ids(range(searcher.n_docs)) == [f"d{number}" for number in range(30, 60)]


@pytest.mark.parametrize(
    "command",
    [ADDING, ("delete", "d31", "--index", "base"), ("merge", "--index", "base")],
    ids=["index", "delete", "merge"],
)
def test_finished_work_is_not_thrown_away(interrupted: Path, command: tuple[str, ...]) -> None:
    before = tree(interrupted / "base")

    done = _run(interrupted, *command, code=1)

    assert "base holds an interrupted build of 40 documents; continue it with" in done.error
    assert "lsr index --resume, or remove base/checkpoint.json to drop it." in done.error
    assert tree(interrupted / "base") == before


def test_removing_the_checkpoint_drops_the_build(interrupted: Path) -> None:
    (interrupted / "base" / "checkpoint.json").unlink()

    _run(interrupted, *ADDING)

    assert _answers(interrupted / "base") == _straight(interrupted, ADDING)


def test_force_drops_the_build(interrupted: Path) -> None:
    _run(interrupted, "index", "a.jsonl", "--index", "base", "--force")

    searcher = library.Index.open(interrupted / "base").searcher
    assert searcher.doc_ids(range(searcher.n_docs)) == [f"d{number}" for number in range(45)]
    assert not (interrupted / "base" / "checkpoint.json").exists()


def test_other_options_are_refused(interrupted: Path) -> None:
    without_update = tuple(one for one in ADDING if one != "--update")

    done = _run(interrupted, *without_update, "--resume", code=1)

    assert "had --update True, not no --update; repeat the command as it was" in done.error


def test_another_corpus_is_refused(interrupted: Path) -> None:
    command = tuple(one for one in ADDING if one != "b.jsonl")

    done = _run(interrupted, *command, "--resume", code=1)

    assert "b.jsonl; repeat the command as it was to continue" in done.error


def test_a_changed_corpus_is_refused(interrupted: Path) -> None:
    os.utime(interrupted / "a.jsonl", (1, 1))

    done = _run(interrupted, *ADDING, "--resume", code=1)

    assert "a.jsonl has changed since the build in base was interrupted" in done.error


def test_standard_input_cannot_be_resumed(folder: Path) -> None:
    done = _run(folder, "index", "-", "--index", "new", "--resume", code=1)

    assert "--resume needs files" in done.error


def test_resuming_nothing_starts_at_the_beginning(folder: Path) -> None:
    done = _run(folder, *NEW, "--resume")

    assert "idx holds no interrupted build; starting at the beginning." in done.stderr
    assert json.loads(done.stdout)["added"] == 95


def test_a_damaged_checkpoint_is_named(interrupted: Path) -> None:
    file = interrupted / "base" / "checkpoint.json"
    file.write_text(file.read_text().replace("d", "e", 1))

    done = _run(interrupted, *ADDING, "--resume", code=3)

    assert "base/checkpoint.json is damaged" in done.error
    assert "remove it to drop the interrupted build" in done.error
