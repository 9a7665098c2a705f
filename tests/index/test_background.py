import threading

import pytest

from lsr.index.background import Background


def test_results_are_used_in_order_on_the_callers_thread() -> None:
    background = Background(limit_bytes=100)
    used: list[tuple[int, str]] = []
    threads: list[str] = []

    def job(number: int) -> int:
        threads.append(threading.current_thread().name)
        return number

    for number in range(20):
        background.run(
            lambda number=number: job(number),  # type: ignore[misc]
            lambda result: used.append((result, threading.current_thread().name)),
            size_bytes=30,
        )
    background.finish()
    background.close()

    assert used == [(number, threading.current_thread().name) for number in range(20)]
    assert all(name.startswith("lsr-index") for name in threads)


def test_waiting_jobs_hold_no_more_than_the_limit() -> None:
    background = Background(limit_bytes=100)
    may_go = threading.Event()
    used: list[int] = []
    background.run(may_go.wait, lambda _: used.append(0), size_bytes=60)
    background.run(lambda: None, lambda _: used.append(1), size_bytes=40)
    assert used == []

    threading.Timer(0.01, may_go.set).start()
    background.run(lambda: None, lambda _: used.append(2), size_bytes=60)

    assert used[:1] == [0]
    background.close()


def test_an_error_comes_up_where_the_result_is_awaited() -> None:
    background = Background(limit_bytes=0)

    background.run(lambda: 1 / 0, lambda _: None)

    with pytest.raises(ZeroDivisionError):
        background.finish()
    background.close()


def test_dropped_results_are_not_used() -> None:
    background = Background(limit_bytes=1000)
    used: list[object] = []
    for number in range(5):
        background.run(lambda number=number: number, used.append)  # type: ignore[misc]

    background.drop()
    background.run(lambda: "after", used.append)
    background.finish()

    assert used[-1] == "after"
    assert used[:-1] == list(range(len(used) - 1))
    background.close()
