# The values here are plain tuples: `bind` is kept compiled for each type of value, in a cache that
# other processes read, and they could not import a type of this file.

import sys

import numpy as np

from lsr.kernels._compile import kernel
from lsr.kernels.bound import Bound, bind


@kernel
def _scaled_sum(bound: Bound) -> float:
    return float(bound.value[0].sum() * bound.value[1])


@kernel
def _made_inside(n: int) -> Bound:
    return Bound((np.arange(n), 2.0))


def test_a_kernel_reads_what_was_bound() -> None:
    numbers = np.arange(5)
    bound = bind((numbers, 0.5))

    numbers[0] = 10  # it is the array itself, no copy

    assert _scaled_sum(bound) == 10.0


def test_a_kernel_makes_one() -> None:
    assert _scaled_sum(_made_inside(4)) == 12.0


def test_it_keeps_its_arrays_and_lets_them_go() -> None:
    owner = bytearray(np.ones(3, dtype=np.int64).tobytes())
    numbers = np.frombuffer(owner, dtype=np.int64)
    references = sys.getrefcount(owner)

    bound = bind((numbers, 1.0))
    del numbers

    assert sys.getrefcount(owner) == references
    assert _scaled_sum(bound) == 3.0
    del bound
    assert sys.getrefcount(owner) < references
