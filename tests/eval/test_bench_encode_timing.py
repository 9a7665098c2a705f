from collections.abc import Sequence

import pytest

from lsr.eval.bench.encode_timing import times_in_turns, torch_threads, warmed_up
from lsr.eval.bench.encoders.base import Opened
from lsr.eval.bench.workloads import Workloads
from lsr.sparse import SparseBatch

WORKLOADS = Workloads(["p", "q"], ["long"], ["first", "second"])


class Clock:
    """Stands still but while a text is encoded."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


def _encoder(clock: Clock, name: str, seconds: float, log: list[str]) -> Opened:
    def encode(texts: Sequence[str]) -> SparseBatch:
        log.append(f"{name}:{' '.join(texts)}")
        clock.now += seconds * len(texts)
        return SparseBatch.from_rows([[(len(text), 1.0)] for text in texts], 10)

    return Opened(encode, encode, lambda vectors: vectors)


def test_contestants_take_turns_and_queries_come_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, log = Clock(), list[str]()
    monkeypatch.setattr("lsr.eval.bench.encode_timing.time", clock)
    field = {"a": _encoder(clock, "a", 1, log), "b": _encoder(clock, "b", 3, log)}

    times = times_in_turns(field, WORKLOADS, runs=2)

    turn = [f"{{}}:{part}" for part in ("p q", "long", "first", "second")]
    assert log == [part.format(name) for name in "abab" for part in turn]
    assert times["a"].passages == (2, 2)
    assert times["b"].passages == (6, 6)
    assert times["b"].long_documents == (3, 3)
    assert times["b"].queries.tolist() == [[3, 3], [3, 3]]


def test_the_warm_up_gives_the_vectors_of_all_texts_in_order() -> None:
    vectors = warmed_up(_encoder(Clock(), "a", 1, []), WORKLOADS)

    assert vectors.terms.tolist() == [1, 1, 4, 5, 6]


def test_threads_of_torch_are_set_and_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()

    with torch_threads(before + 1):
        inside = torch.get_num_threads()

    assert (inside, torch.get_num_threads()) == (before + 1, before)


def test_without_torch_there_is_nothing_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lsr.eval.bench.encode_timing.is_installed", lambda module: False)
    monkeypatch.setitem(__import__("sys").modules, "torch", None)

    with torch_threads(2):
        pass
