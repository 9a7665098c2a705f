import sys
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lsr.kernels._compile import kernel
from lsr.kernels.bound import Bound, bind


class _Pair(NamedTuple):
    numbers: NDArray[np.int64]
    scale: float


@kernel
def _scaled_sum(bound: Bound) -> float:
    return float(bound.value.numbers.sum() * bound.value.scale)


@kernel
def _made_inside(n: int) -> Bound:
    return Bound(_Pair(np.arange(n), 2.0))


def test_a_kernel_reads_what_was_bound() -> None:
    numbers = np.arange(5)
    bound = bind(_Pair(numbers, 0.5))

    numbers[0] = 10  # it is the array itself, no copy

    assert _scaled_sum(bound) == 10.0


def test_a_kernel_makes_one() -> None:
    assert _scaled_sum(_made_inside(4)) == 12.0


def test_it_keeps_its_arrays_and_lets_them_go() -> None:
    owner = bytearray(np.ones(3, dtype=np.int64).tobytes())
    numbers = np.frombuffer(owner, dtype=np.int64)
    references = sys.getrefcount(owner)

    bound = bind(_Pair(numbers, 1.0))
    del numbers

    assert sys.getrefcount(owner) == references
    assert _scaled_sum(bound) == 3.0
    del bound
    assert sys.getrefcount(owner) < references
