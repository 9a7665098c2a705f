"""Accepted changes are carried out once, one after another, also when the service is cut."""

import asyncio
import errno
import json
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from lsr.retrieval import Index
from lsr.service.app import create_app
from lsr.service.problems import Problem
from lsr.service.settings import Settings
from lsr.service.tasks import OnError, Task, TaskKind, TaskState, TaskStore
from lsr.service.writing import TASK_NOTE

LINES = {"Content-Type": "application/x-ndjson"}
Start = Callable[..., FastAPI]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    Index.build(tmp_path / "root" / "pets", [("a", {"cat": 1.0})])
    return tmp_path / "root"


@pytest.fixture
def start(root: Path) -> Iterator[Start]:
    """Start the service, after ending the one before as a crash would."""
    apps: list[FastAPI] = []

    def start(**settings: Any) -> FastAPI:
        for app in apps:
            app.state.writing.tasks.close()
        apps.append(create_app([root], Settings(**settings)))
        return apps[-1]

    yield start
    for app in apps:
        app.state.writing.close()
        app.state.searching.close()


def state_of(app: FastAPI, task_id: str) -> Task:
    app.state.writing.wait_until_done()
    task = app.state.writing.tasks.get(task_id)
    assert isinstance(task, Task)
    return task


def leave_behind(root: Path, kind: TaskKind, *lines: object, **fields: Any) -> Task:
    """Leave a task as a service does that ends right after it has accepted it."""
    store = TaskStore(root / ".service" / "tasks", n_kept=10)
    store.claim()
    task = Task(store.new_id(), kind, "pets", OnError.FAIL, **fields)
    store.lines_file(task.id).write_text("\n".join(map(json.dumps, lines)))
    store.add(task)
    store.close()
    return task


def test_a_task_that_was_not_begun_goes_on_at_the_next_start(root: Path, start: Start) -> None:
    task = leave_behind(root, TaskKind.ADD, {"id": "b", "vector": {"cat": 2}})

    app = start()

    found = state_of(app, task.id)
    assert (found.state, found.counts, found.commit) == (TaskState.SUCCEEDED, {"added": 1}, 2)
    assert Index.open(root / "pets").searcher.n_docs == 2


def test_tasks_go_on_in_the_order_in_which_they_came(root: Path, start: Start) -> None:
    tasks = [
        leave_behind(root, TaskKind.ADD, {"id": "b", "vector": {"cat": 1}, "version": number})
        for number in (1, 2)
    ]

    app = start()

    assert [state_of(app, one.id).counts for one in tasks] == [{"added": 1}, {"replaced": 1}]
    document = Index.open(root / "pets").search({"cat": 1.0})[1].document
    assert document.metadata["version"] == 2


def test_a_task_that_was_cut_after_its_commit_is_not_applied_again(
    root: Path, start: Start
) -> None:
    """To delete the same document again would fail, although it was deleted."""
    task = leave_behind(root, TaskKind.DELETE, "a")
    folder = root / ".service" / "tasks"
    (folder / f"{task.id}.begun").touch()
    (folder / f"{task.id}.results").write_text('{"line":1,"id":"a","status":"deleted"}\n')
    with Index.open(root / "pets").writer() as writer:
        writer.delete("a")
        writer.commit({TASK_NOTE: task.id})

    app = start()

    found = state_of(app, task.id)
    assert (found.state, found.counts, found.n_lines) == (TaskState.SUCCEEDED, {"deleted": 1}, 1)


def test_a_task_that_was_cut_in_the_middle_is_begun_again(root: Path, start: Start) -> None:
    task = leave_behind(root, TaskKind.DELETE, "a")
    (root / ".service" / "tasks" / f"{task.id}.begun").touch()

    app = start()

    assert state_of(app, task.id).state is TaskState.SUCCEEDED
    assert not (root / ".service" / "tasks" / f"{task.id}.begun").exists()


def test_a_task_that_always_ends_the_service_is_given_up(root: Path, start: Start) -> None:
    task = leave_behind(root, TaskKind.DELETE, "a", attempts=1)
    (root / ".service" / "tasks" / f"{task.id}.begun").touch()

    app = start()

    found = state_of(app, task.id)
    assert found.state is TaskState.FAILED
    assert found.error is not None
    assert found.error["code"] == "service-stopped"
    assert Index.open(root / "pets").searcher.n_docs == 1


def test_a_task_of_an_index_that_is_gone_fails(root: Path, start: Start) -> None:
    task = leave_behind(root, TaskKind.DELETE, "a")
    (root / "pets").rename(root.parent / "pets")

    found = state_of(start(), task.id)

    assert found.error is not None
    assert found.error["code"] == "index-not-found"


def test_a_stream_that_was_never_acknowledged_is_removed(root: Path, start: Start) -> None:
    folder = root / ".service" / "tasks"
    folder.mkdir(parents=True)
    (folder / "0123.lines").write_text('{"id": "b", "vector": {"cat": 2}}')

    app = start()

    assert not (folder / "0123.lines").exists()
    assert app.state.writing.tasks.newest(10, lambda _: True) == []


def test_finished_tasks_are_remembered_for_a_while(root: Path, start: Start) -> None:
    client = TestClient(start(kept_tasks=2))
    for number in range(4):
        body = json.dumps({"id": f"n{number}", "vector": {"cat": 1}})
        client.post("/v1/indexes/pets/documents?wait=true", content=body, headers=LINES)

    tasks = client.get("/v1/tasks").json()["tasks"]
    later = TestClient(start(kept_tasks=2)).get("/v1/tasks").json()["tasks"]

    assert [one["commit"] for one in tasks] == [5, 4]
    assert later == tasks
    assert len(list((root / ".service" / "tasks").iterdir())) == 5  # two files each, and the lock


def test_two_services_do_not_change_the_same_indexes(root: Path, start: Start) -> None:
    TestClient(start()).delete("/v1/indexes/pets/documents/a")
    other = TestClient(create_app([root], Settings()))

    answer = other.post("/v1/indexes/pets/documents", content=b"", headers=LINES)

    assert (answer.status_code, answer.json()["code"]) == (503, "service-locked")
    assert "Retry-After" in answer.headers


def test_a_full_queue_refuses_before_it_reads(start: Start) -> None:
    app = start(max_queued_writes=2)
    free, n_chunks = threading.Event(), 0
    place = app.state.writing.lanes.reserve("pets")
    place.run(free.wait)
    place = app.state.writing.lanes.reserve("pets")
    place.run(free.wait)

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal n_chunks
        n_chunks += 1
        yield b"{}"

    with pytest.raises(Problem) as refused:
        asyncio.run(app.state.writing.accept("pets", TaskKind.ADD, OnError.FAIL, chunks()))
    free.set()

    assert (refused.value.status, refused.value.code) == (429, "too-many-writes")
    assert int(refused.value.headers["Retry-After"]) > 0
    assert n_chunks == 0
    app.state.writing.wait_until_done()
    assert app.state.writing.lanes.waiting() == {}


def test_a_full_disk_is_said_and_nothing_is_acknowledged(
    root: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    app = start()
    client = TestClient(app)
    with monkeypatch.context() as patched:
        patched.setattr("lsr.service.spooling.os.fsync", full)
        answer = client.post("/v1/indexes/pets/documents", content=b"{}", headers=LINES)

    assert (answer.status_code, answer.json()["code"]) == (507, "disk-full")
    assert client.get("/v1/tasks").json()["tasks"] == []
    assert app.state.writing.lanes.waiting() == {}
    assert list((root / ".service" / "tasks").glob("*.lines")) == []


def hold(begun: threading.Event, free: threading.Event) -> None:
    begun.set()
    free.wait()


def test_a_service_that_stops_leaves_what_it_has_not_done(root: Path, start: Start) -> None:
    app = start()
    begun, free = threading.Event(), threading.Event()
    app.state.writing.lanes.reserve("pets").run(lambda: hold(begun, free))
    begun.wait()
    accepted = TestClient(app).post(
        "/v1/indexes/pets/documents",
        content=json.dumps({"id": "b", "vector": {"cat": 2}}),
        headers=LINES,
    )

    app.state.writing.stop()
    free.set()
    app.state.writing.close()
    later = start()

    assert accepted.status_code == 202
    assert state_of(later, accepted.json()["id"]).counts == {"added": 1}
