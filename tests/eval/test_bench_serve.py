"""A service under load is measured beside the same searches in process."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from command import lsr
from lsr.documents import QueryBatch
from lsr.errors import ConfigError, InvalidInputError, ServiceError
from lsr.eval.bench.serve import bench_serve
from lsr.eval.bench.wrk import load
from lsr.retrieval import Index

needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")


@pytest.fixture
def things(tmp_path: Path) -> Path:
    path = tmp_path / "things"
    Index.build(path, [("a", {"cat": 2.0, "milk": 1.0}), ("b", {"dog": 2.0})])
    return path


@needs_wrk
@pytest.mark.slow
def test_a_service_is_loaded_and_compared(things: Path, tmp_path: Path) -> None:
    queries = tmp_path / "queries.jsonl"
    queries.write_text(
        '{"id": "1", "vector": {"cat": 1, "milk": 2}}\n{"id": "2", "vector": {"zebra": 1}}\n'
    )
    options = ("--connections", "2,4", "--seconds", "1", "--runs", "1")

    table = lsr("bench", "serve", things, queries, *options).stdout
    found = json.loads(lsr("bench", "serve", things, queries, *options, "--json").stdout)

    assert found["n_queries"] == 1  # the index does not know the other one
    assert found["terms_per_query"] == 2
    assert [step["n_connections"] for step in found["steps"]] == [2, 4]
    for step in found["steps"]:
        assert set(step["load"]["statuses"]) == {"200"}
        assert (step["load"]["n_timeouts"], step["load"]["n_broken"]) == (0, 0)
        assert 0 < step["load"]["p50_ms"] <= step["load"]["p99_ms"] <= step["load"]["max_ms"]
        if sys.platform == "linux":
            assert step["memory_bytes"] > 50_000_000
    assert "200:" in table
    assert "In process, one after another" in table


@needs_wrk
def test_a_load_of_nobody_is_all_broken() -> None:
    with pytest.raises(ServiceError, match="wrk failed"):
        load("http://127.0.0.1:1/", [b"{}"], 2, 1)


def test_the_missing_program_is_named(things: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)

    with pytest.raises(ConfigError, match="apt-get install wrk"):
        bench_serve(things, QueryBatch(["1"], ["cat"]), [1])


@pytest.mark.parametrize("connections", [[], [0], [16, -1]])
def test_a_load_has_connections(
    things: Path, connections: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: "wrk")

    with pytest.raises(InvalidInputError, match="are no connections"):
        bench_serve(things, QueryBatch(["1"], ["cat"]), connections)
