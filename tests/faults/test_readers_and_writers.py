"""Readers see one commit each, whatever a writer does meanwhile; and there is one writer."""

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import lsr
from child import in_child
from fault_scenarios import (
    QUERIES,
    Model,
    add,
    answers,
    is_at,
    model_of,
    opened,
    ranking_of,
    record_of,
)
from lsr.errors import IndexLockedError
from lsr.index import write_lock

# Forking is safe: no child returns to pytest.
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")

DURATION_S = 12.0
N_READERS = 4
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def _step(path: Path, number: int) -> None:
    """Make commit `number` of an endless series: documents come and go, every fourth merges."""
    with opened(path).writer() as writer:
        for doc_number in (3 * number, 3 * number + 1):
            writer.add(record_of(doc_number))
        if number > 11:
            writer.delete(f"d{3 * (number - 10)}")
            writer.delete(f"d{3 * (number - 10) + 1}")
        if number % 4 == 0:
            writer.merge()
        writer.commit()


def _model_at(commit: int) -> Model:
    """Return what commit `commit` holds; the first holds nothing."""
    numbers = range(max(2, commit - 9), commit + 1)
    return model_of(*(3 * number + place for number in numbers for place in (0, 1)))


def _write(path: Path, until: float, pipe: int) -> None:
    number = 1
    while time.monotonic() < until:
        number += 1
        _step(path, number)
    os.write(pipe, str(number).encode())


def _read(path: Path, until: float, pipe: int) -> None:
    commits: list[int] = []
    index = lsr.Index.open(path)
    while time.monotonic() < until:
        commit = index.searcher.manifest.commit
        expected = [ranking_of(_model_at(commit), query) for query in QUERIES]
        assert answers(index) == expected, f"commit {commit}"
        assert answers(index) == expected, f"commit {commit}, asked again"
        commits.append(commit)
        index.refresh()
    assert commits == sorted(commits)
    os.write(pipe, f"{len(commits)} {len(set(commits))}".encode())


@pytest.mark.slow
def test_every_answer_is_that_of_its_commit(
    tmp_path: Path, evidence: Callable[[str], None]
) -> None:
    path = tmp_path / "idx"
    add(path)
    until = time.monotonic() + DURATION_S
    found: dict[int, tuple[bytes, int]] = {}

    def run(place: int, work: Callable[[Path, float, int], None]) -> None:
        found[place] = in_child(partial(work, path, until))

    works = [_write, *[_read] * N_READERS]
    threads = [threading.Thread(target=run, args=one) for one in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [ended for _, ended in found.values()] == [0] * len(works)
    n_commits = int(found[0][0])
    counts = [tuple(map(int, found[place][0].split())) for place in range(1, len(works))]
    assert n_commits > 10
    assert min(seen for _, seen in counts) > 5
    assert is_at(path, _model_at(n_commits))
    evidence(
        f"readers across {n_commits} commits and {n_commits // 4} merges: "
        f"{2 * sum(asked for asked, _ in counts)} answers equal their commit's, "
        f"{N_READERS} processes saw {min(seen for _, seen in counts)} commits or more"
    )


def _n_open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def _mapped_files(path: Path) -> set[str]:
    """Return the files under `path` that this process maps, removed ones included."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return {line.split(maxsplit=5)[5] for line in lines if f"{path}/" in line}


def _delete_and_merge(path: Path) -> None:
    with lsr.Index.open(path).writer() as writer:
        writer.delete("d1")
        writer.merge()
        writer.commit()


@linux_only
def test_old_files_last_as_long_as_their_reader(tmp_path: Path) -> None:
    path = tmp_path / "idx"
    for number in range(3):
        add(path, number)
    gc.collect()
    n_open = _n_open_files()
    reader = lsr.Index.open(path)
    expected = answers(reader)

    for number in range(3, 6):
        add(path, number)
    _delete_and_merge(path)
    gc.collect()

    assert answers(reader) == expected
    mapped = _mapped_files(path)
    assert mapped
    assert all(one.endswith("(deleted)") for one in mapped), mapped
    del reader
    assert not _mapped_files(path)
    assert _n_open_files() == n_open


def _hold(path: Path, then: Callable[[], object], pipe: int) -> None:
    with write_lock(path):
        os.write(pipe, str(os.getpid()).encode())
        then()


def test_the_second_process_is_told_who_writes_and_may_write_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "idx"
    add(path, 0)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _hold(path, signal.pause, writing)
    assert os.read(reading, 20) == str(child).encode()

    with pytest.raises(IndexLockedError, match=rf"written by process {child} since 20"):
        add(path, 1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reading)
    os.close(writing)
    assert (path / "writer.txt").exists(), "a killed writer cannot tidy up"
    add(path, 1)

    assert is_at(path, model_of(0, 1))
    assert not (path / "writer.txt").exists()


def test_two_writers_of_one_process_exclude_each_other(tmp_path: Path) -> None:
    path = tmp_path / "idx"
    add(path, 0)

    with opened(path).writer() as writer:
        with pytest.raises(IndexLockedError, match=rf"process {os.getpid()} since 20"):
            add(path, 1)
        writer.add(record_of(2))
        writer.commit()

    assert is_at(path, model_of(0, 2))
