import threading
from collections.abc import Iterator
from functools import partial

import pytest
import torch

from lsr.encoders.torch_network import single_torch_thread
from lsr.encoders.workers import available_cores
from lsr.encoders.workers import run_batches as run_any_batches

run_batches = partial(run_any_batches, single_threaded=single_torch_thread)


@pytest.fixture
def two_torch_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_every_result_arrives_with_its_number() -> None:
    results: dict[int, int] = {}

    run_batches(lambda batch: batch * 10, range(20), results.__setitem__, n_workers=3)

    assert results == {number: number * 10 for number in range(20)}


@pytest.mark.parametrize(("n_batches", "n_workers"), [(1, 4), (5, 1)])
def test_work_that_cannot_be_shared_stays_in_the_callers_thread(
    n_batches: int, n_workers: int
) -> None:
    threads = set()

    def encode(batch: int) -> int:
        threads.add(threading.current_thread())
        return batch

    run_batches(encode, range(n_batches), lambda number, result: None, n_workers)

    assert threads == {threading.current_thread()}


def test_workers_compute_with_one_torch_thread_each() -> None:
    counts = set()

    run_batches(
        lambda batch: torch.get_num_threads(), range(4), lambda _, count: counts.add(count), 2
    )

    assert counts == {1}


def test_a_small_batch_alone_is_not_split(two_torch_threads: None) -> None:
    counts: list[int] = []

    def encode(batch: int) -> None:
        counts.append(torch.get_num_threads())

    run_batches(encode, [0], lambda number, result: None, 2, is_small=True)
    run_batches(encode, [0], lambda number, result: None, 2, is_small=False)

    assert counts == [1, 2]
    assert torch.get_num_threads() == 2


def test_a_small_batch_does_not_wait_for_a_running_encoding() -> None:
    results = []

    def query(number: int, result: int) -> None:
        run_batches(
            lambda batch: batch, [7], lambda _, result: results.append(result), 2, is_small=True
        )

    run_batches(lambda batch: batch, range(2), query, n_workers=2)  # would hang if it waited

    assert results == [7, 7]


def test_an_error_in_a_worker_reaches_the_caller_and_drops_the_rest() -> None:
    before = torch.get_num_threads()
    begun = []
    never = threading.Event()

    def encode(batch: int) -> None:
        begun.append(batch)
        if batch == 0:
            raise MemoryError("no more")
        never.wait(0.2)  # a batch that takes its time

    with pytest.raises(MemoryError, match="no more"):
        run_batches(encode, range(1000), lambda number, result: None, n_workers=2)

    assert len(begun) < 1000
    assert torch.get_num_threads() == before


def test_at_least_one_core() -> None:
    assert available_cores() >= 1
