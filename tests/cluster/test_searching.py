"""The same answers by many processes as by one, whatever dies or hangs."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lsr
from command import COMMAND, environment
from lsr.cluster.remote_shards import OnFailure, ShardOptions
from lsr.cluster.searching import search_remotely
from lsr.errors import ShardMissingError
from lsr.index import publish, shard_folder
from ray_cluster import MARKS, process_of, shards_of
from sharded_builds import build, found, queries, write_collection

pytestmark = MARKS

N_DOCS = 20_000
QUERY = {"vector": {"t1": 1.0}, "k": 10, "fields": []}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> lsr.Index:
    folder = tmp_path_factory.mktemp("index")
    write_collection(folder / "docs.jsonl", N_DOCS)
    return build(folder / "docs.jsonl", folder / "idx", 2)


@pytest.fixture(scope="module")
def scattered(cluster: Any, index: lsr.Index) -> lsr.Index:
    """The same index, searched by two processes."""
    index.search_batch(queries(12))  # compiles kernels for all
    return search_remotely(index, ShardOptions(timeout_s=60))


def test_answers_are_those_of_one_process(
    index: lsr.Index, scattered: lsr.Index, evidence: Callable[[str], None]
) -> None:
    for k, where in ((10, None), (1000, None), (10, "year >= 2010")):
        assert found(scattered, k, where) == found(index, k, where)

    query = queries(1)[0]
    times = {}
    for name, one in (("in this process", index), ("by two others", scattered)):
        began = time.perf_counter()
        for _ in range(200):
            one.search(query)
        times[name] = (time.perf_counter() - began) * 5
    figures = ", ".join(f"{name} {ms:.2f} ms" for name, ms in times.items())
    evidence(f"a query in 2 shards of {N_DOCS:,} documents: {figures}")


def test_a_neighbour_answers_while_a_killed_process_comes_back(
    index: lsr.Index, scattered: lsr.Index, evidence: Callable[[str], None]
) -> None:
    before = process_of(scattered, "shard-00001")
    os.kill(before, signal.SIGKILL)
    began = time.perf_counter()

    assert found(scattered, 10) == found(index, 10)

    answered_s = time.perf_counter() - began
    assert process_of(scattered, "shard-00001") != before
    back_s = time.perf_counter() - began
    evidence(
        f"a killed shard is answered for after {answered_s:.2f} s, "
        f"and by a process of its own again after {back_s:.1f} s"
    )
    assert found(scattered, 10) == found(index, 10)


def test_while_all_are_dead_the_policy_answers(
    index: lsr.Index, scattered: lsr.Index, evidence: Callable[[str], None]
) -> None:
    from starlette.testclient import TestClient

    from lsr.service.app import create_app

    shards = shards_of(scattered)
    with TestClient(create_app([index.path], open_index=lambda _: scattered)) as client:
        shards.options = ShardOptions(OnFailure.FAIL, timeout_s=0.2)
        for shard in shards.processes:
            os.kill(process_of(scattered, shard), signal.SIGKILL)
        began = time.perf_counter()
        refused = client.post("/v1/indexes/idx/search", json=QUERY)
        shards.options = ShardOptions(OnFailure.PARTIAL, timeout_s=0.2)
        partial = client.post("/v1/indexes/idx/search", json=QUERY)
        shards.options = ShardOptions(timeout_s=60)
        answered = client.post("/v1/indexes/idx/search", json=QUERY)
    evidence(f"two killed shards answer again after {time.perf_counter() - began:.1f} s")

    assert (refused.status_code, refused.json()["code"]) == (503, "shard-missing")
    assert (partial.status_code, partial.json()["hits"]) == (200, [])
    assert "here: shard-00000, shard-00001." in partial.json()["warnings"][0]
    expected = [hit.doc_id for hit in index.search(QUERY["vector"])]
    assert [hit["id"] for hit in answered.json()["hits"]] == expected


def test_a_shard_that_hangs_gets_what_the_policy_says(
    index: lsr.Index, scattered: lsr.Index, caplog: pytest.LogCaptureFixture
) -> None:
    from starlette.testclient import TestClient

    from lsr.service.app import create_app

    shards = shards_of(scattered)
    lost = set(lsr.Index.open(shard_folder(index.path, 1)).searcher.doc_ids(range(N_DOCS // 2)))
    expected = [one.doc_id for one in index.search({"t1": 1.0}, N_DOCS) if one.doc_id not in lost]
    hung = process_of(scattered, "shard-00001")
    os.kill(hung, signal.SIGSTOP)
    shards.options = ShardOptions(OnFailure.FAIL, timeout_s=2)
    try:
        with TestClient(create_app([index.path], open_index=lambda _: scattered)) as client:
            with pytest.raises(ShardMissingError, match="shard-00001: no answer within 2 s"):
                scattered.search({"t1": 1.0})
            refused = client.post("/v1/indexes/idx/search", json=QUERY)
            shards.options = ShardOptions(OnFailure.PARTIAL, timeout_s=2)
            partial = scattered.search({"t1": 1.0}, N_DOCS)
            answered = client.post("/v1/indexes/idx/search", json=QUERY)
    finally:
        os.kill(hung, signal.SIGCONT)
        shards.options = ShardOptions(timeout_s=60)

    assert [hit.doc_id for hit in partial] == expected
    assert "Their documents are not among the hits." in caplog.text
    assert (refused.status_code, refused.json()["code"]) == (503, "shard-missing")
    assert "shard-00001" in answered.json()["warnings"][0]
    assert found(scattered, 1000) == found(index, 1000)


def test_a_shard_that_is_asked_first_and_hangs_keeps_no_other_waiting(
    cluster: Any, tmp_path: Path
) -> None:
    write_collection(tmp_path / "docs.jsonl", 400)
    index = build(tmp_path / "docs.jsonl", tmp_path / "idx", 4)
    scattered = search_remotely(index, ShardOptions(timeout_s=60))
    assert found(scattered, 10) == found(index, 10)
    expected = [hit.doc_id for hit in index.search({"t1": 1.0}, 400)]
    shards_of(scattered).options = ShardOptions(OnFailure.PARTIAL, timeout_s=3)

    hung = process_of(scattered, "shard-00000")
    os.kill(hung, signal.SIGSTOP)
    try:
        partial = scattered.search({"t1": 1.0}, 400)
    finally:
        os.kill(hung, signal.SIGCONT)

    lost = {f"d{number}" for number in range(100)}
    assert [hit.doc_id for hit in partial] == [one for one in expected if one not in lost]


def test_machines_copy_what_lies_at_a_url(
    cluster: Any, index: lsr.Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"file://{tmp_path}/published"
    publish(index.path, url)
    cache_of_machines = Path(os.environ["XDG_CACHE_HOME"])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    scattered = search_remotely(lsr.Index.open(url), ShardOptions(timeout_s=60))

    assert found(scattered, 10) == found(index, 10)
    (copy,) = cache_of_machines.glob("lsr/indexes/*/published")
    assert {one.name for one in (copy / "segments").glob("shard-*")} == {
        "shard-00000",
        "shard-00001",
    }


def test_replicas_take_turns(scattered: lsr.Index, index: lsr.Index) -> None:
    import ray

    twice = search_remotely(index, ShardOptions(timeout_s=60, replicas=2))
    names = {name: len(several) for name, several in shards_of(twice).processes.items()}
    assert names == {"shard-00000": 2, "shard-00001": 2}
    for _ in range(2):
        assert found(twice, 10) == found(index, 10)
    for several in shards_of(twice).processes.values():
        for one in several:
            ray.kill(one)


def test_a_dataset_is_measured_as_by_one_process(
    cluster: Any, index: lsr.Index, tmp_path: Path
) -> None:
    asked = {f"q{n}": query for n, query in enumerate(queries(12))}
    (tmp_path / "queries.jsonl").write_text(
        "".join(json.dumps({"id": one, "vector": query}) + "\n" for one, query in asked.items())
    )
    best = index.search_batch(list(asked.values()))
    qrels = [f"{one} 0 {hits[4].doc_id} 1" for one, hits in zip(asked, best, strict=True)]
    (tmp_path / "qrels.txt").write_text("\n".join(qrels))
    command: list[str | Path] = [COMMAND, "eval", "--corpus", index.path.parent / "docs.jsonl"]
    command += ["--queries", "queries.jsonl", "--qrels", "qrels.txt", "--index", index.path]
    command += ["--measures", "RR@10", "--json"]

    measured = [
        subprocess.run(
            [*command, "--engine", engine],
            cwd=tmp_path,
            env={**os.environ, **environment()},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for engine in ("local", cluster.address)
    ]

    local, remote = (json.loads(one)["measures"] for one in measured)
    assert local == remote == {"RR@10": pytest.approx(0.2)}  # a mean of twelve fifths


def test_a_new_commit_is_searched_and_the_one_before_as_well(
    index: lsr.Index, scattered: lsr.Index
) -> None:
    before = found(scattered, 10)
    with index.writer() as writer:
        for number in range(0, N_DOCS, 7):
            writer.delete(f"d{number}")
        writer.add({"id": "new", "year": 2000, "vector": {"t1": 2.25}})
        writer.commit()

    latest = scattered.reopened()

    assert found(latest, 1000) == found(index, 1000)
    assert found(scattered, 10) == before != found(index, 10)
