from dataclasses import replace

import pytest

from lsr.eval.bench.machine import this_machine
from lsr.eval.bench.search_result import BuiltIndex, Contestant, SearchBenchmark, fastest


def contestant(
    name: str, ms: float, *, exact: bool = True, recall: float = 1.0, choice_ms: float | None = None
) -> Contestant:
    choice = ms if choice_ms is None else choice_ms
    return Contestant(
        peer=name.partition(" ")[0],
        name=name,
        exact=exact,
        choice_ms=choice,
        choice_recall=recall,
        mean_ms=ms,
        p50_ms=ms,
        p95_ms=ms,
        p99_ms=ms,
        ratio=ms,
        n_differing=0,
        recall=recall,
        queries_per_second=(),
    )


@pytest.fixture
def result() -> SearchBenchmark:
    field = [
        replace(contestant("lsr", 1.0), queries_per_second=(1000.0, 1900.0)),
        contestant("slow exact", 9.0),
        contestant("fast exact", 3.0),
        contestant("hasty much", 0.5, exact=False, recall=0.9),
        contestant("hasty some", 2.0, exact=False, recall=0.96),
    ]
    return SearchBenchmark(
        n_docs=1000,
        n_resampled=0,
        order="natural",
        n_postings=2000,
        n_queries=10,
        terms_per_query=3.0,
        k=10,
        runs=3,
        pinned=True,
        indexes=(BuiltIndex("lsr", 2.0, 6000, 3.0, 5_000_000), BuiltIndex("p", 1.0, 1, 1.0, None)),
        contestants=tuple(field),
        ours="lsr",
        best_exact_peer="fast exact",
        best_approximate_peer="hasty some",
        notes=("a note",),
        machine=this_machine(),
    )


def test_the_fastest_is_chosen_among_the_fit() -> None:
    field = [
        contestant("late exact", 1.0, choice_ms=5.0),
        contestant("early exact", 4.0, choice_ms=3.0),
        contestant("wrong", 0.1, exact=False, recall=0.949),
        contestant("good", 2.0, exact=False, recall=0.95),
    ]

    exact, approximate = fastest(field, exact=True), fastest(field, exact=False)

    assert exact
    assert exact.name == "early exact"
    assert approximate
    assert approximate.name == "good"
    assert fastest(field[:2], exact=False) is None


def test_the_table_marks_ours_and_the_best_peers(result: SearchBenchmark) -> None:
    lines = result.as_table().splitlines()

    marks = {line[2:].split("  ")[0].strip(): line[0] for line in lines[1:6]}
    assert marks == {
        "lsr": ">",
        "slow exact": " ",
        "fast exact": "=",
        "hasty much": " ",
        "hasty some": "~",
    }
    assert lines[1].split()[-2:] == ["1,000", "1,900"]
    assert lines[2].split()[-2:] == ["-", "-"]
    assert lines[4].split()[-4:-2] == ["approximate", "0.9000"]


def test_the_table_ends_with_the_verdict(result: SearchBenchmark) -> None:
    lines = result.as_table().splitlines()

    assert lines[-2:] == [
        "best exact peer: fast exact, 3.0x ours (3.000 ms against 1.000)",
        "best peer with recall@10 0.95: hasty some, 2.0x ours (2.000 ms against 1.000)",
    ]
    assert "a note" in lines
    alone = replace(result, best_exact_peer=None, best_approximate_peer=None)
    assert alone.as_table().splitlines()[-2] == "best exact peer: none"


def test_the_table_tells_what_indexes_cost(result: SearchBenchmark) -> None:
    rows = [line.split() for line in result.as_table().splitlines()]

    assert ["lsr", "2.0", "500", "5", "6,000", "3.00"] in rows
    assert ["p", "1.0", "1,000", "-", "1", "1.00"] in rows
