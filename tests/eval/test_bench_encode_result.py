import numpy as np
import pytest

from lsr.eval.bench.agreement import Agreement
from lsr.eval.bench.encode_result import (
    EncodeBenchmark,
    Figures,
    Latency,
    Memory,
    Rate,
    Round,
    Size,
    latency,
    rate,
)
from lsr.eval.bench.machine import Machine

MACHINE = Machine("CPU", 2, ("avx2",), 0.5, "Linux", "3.11", {"torch": "2.0"})


def test_rates_are_those_of_the_median_run() -> None:
    found = rate([1.0, 5.0, 3.0], [10.0, 90.0, 20.0], Size(3, 60))

    assert found.texts_per_second == pytest.approx(1)
    assert found.best_texts_per_second == pytest.approx(3)
    assert found.tokens_per_second == pytest.approx(20)
    assert found.ratio == pytest.approx(20 / 3)


def test_the_time_of_a_query_is_that_of_its_median_run() -> None:
    # Of 100 queries the first takes 9 ms and the others 1 ms; one run in three is ten times slower.
    usual = np.array([[9e-3] + [1e-3] * 99])
    seconds = np.concatenate([usual, 10 * usual, usual])

    found = latency(seconds, 4 * seconds)

    assert found.mean_ms == pytest.approx(1.08)
    assert found.p50_ms == pytest.approx(1)
    assert found.p99_ms == pytest.approx(1.08)
    assert found.ratio == pytest.approx(4)


def _figures(name: str, speed: float, *, is_ours: bool) -> Figures:
    one = Rate((1.0,), speed, speed, speed, speed)
    return Figures(name, is_ours, one, one, Latency(1, 1, 1, speed), Agreement(0.25, 7))


def test_ours_is_set_against_the_reference_and_the_fastest_peer() -> None:
    contestants = (
        _figures("lsr native int8", 24, is_ours=True),
        _figures("lsr native float32", 12, is_ours=True),
        _figures("slow", 1, is_ours=False),
        _figures("fast", 3, is_ours=False),
    )
    sizes = (Size(4, 400), Size(1, 300), Size(2, 20))
    one = Round("m", 1, sizes, 99, "slow", contestants)
    result = EncodeBenchmark(
        (one,), (Memory("m", "lsr native int8", None),), 300, 3, True, "AVX2", ("no x.",), MACHINE
    )

    lines = result.as_table().splitlines()

    assert lines[0] == "m, one core"
    assert "passages: lsr native int8 is 24.0x slow and 8.0x the fastest peer, fast" in lines
    assert "4 of 100 tokens as passages" in lines[6]
    assert lines[2].split()[-2:] == ["0.25", "7"]
    assert lines[4].split()[-2:] == ["reference", "-"]
    assert "no x." in lines
    assert lines[-1].endswith("kernels of lsr for AVX2")


def test_without_peers_ours_is_set_against_itself() -> None:
    sizes = (Size(4, 400), Size(1, 300), Size(2, 20))
    ours = _figures("lsr native float32", 1, is_ours=True)

    text = "\n".join(Round("m", 2, sizes, 99, ours.name, (ours,)).as_table())

    assert "m, 2 cores" in text
    assert "peer" not in text
