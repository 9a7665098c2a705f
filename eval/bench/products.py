"""How long does a pruned layer take, beside the same layer dense and beside other libraries?

Matrices are random, pruned to 4x1 blocks with equally many in every four rows. Contestants are
timed in turns, a few products at a time, on one core; the minimum of the runs counts, because what
else a machine does only ever adds. Every result is compared with the product in float64 first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.errors import InvalidInputError
from lsr.eval.bench.cores import some_cores
from lsr.eval.bench.encode_timing import torch_threads
from lsr.eval.bench.machine import Machine, this_machine
from lsr.eval.bench.products_contestants import Contestant, Product, Product4x1, able
from lsr.eval.bench.table import aligned
from lsr.kernels.transformer.processor import NAME as INSTRUCTIONS

SEED = 14
SLICE_SECONDS = 0.01
"""How long a contestant is timed in a turn, roughly."""


@dataclass(frozen=True, slots=True)
class Timed:
    """One contestant's time for one product.

    Attributes:
        contestant: its name.
        n_rows: of the matrix.
        n_columns: of the matrix.
        n_tokens: that it is multiplied with.
        share: of the matrix that is zero; None where that makes no difference.
        microseconds: minimum over the runs.
    """

    contestant: str
    n_rows: int
    n_columns: int
    n_tokens: int
    share: float | None
    microseconds: float


@dataclass(frozen=True, slots=True)
class ProductBenchmark:
    """Result of `bench_products`.

    Attributes:
        times: of every contestant, shape, number of tokens and share.
        runs: turns of each contestant.
        instructions: that our kernels use.
        machine: where.
    """

    times: tuple[Timed, ...]
    runs: int
    instructions: str
    machine: Machine

    def as_json(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return {
            "protocol": self.protocol,
            "instructions": self.instructions,
            "machine": asdict(self.machine),
            "times": [asdict(one) for one in self.times],
        }

    @property
    def protocol(self) -> str:
        """How was it measured?"""
        return (
            f"Microseconds a product on one core, minimum of {self.runs} runs in turns. int8 of "
            "lsr includes the rounding of tokens. % is the share of 4x1 blocks that are zero; what "
            "does not skip zeros has one figure."
        )

    def as_table(self) -> str:
        """Return the result as text: a table for each shape and number of tokens."""
        lines: list[str] = []
        shapes = dict.fromkeys((one.n_rows, one.n_columns, one.n_tokens) for one in self.times)
        for shape in shapes:
            here = [one for one in self.times if (one.n_rows, one.n_columns, one.n_tokens) == shape]
            shares = sorted({one.share for one in here if one.share is not None})
            head = [f"{shape[1]} -> {shape[0]}, {shape[2]} tokens", *(f"{s:.0%}" for s in shares)]
            rows = [head]
            for name in dict.fromkeys(one.contestant for one in here):
                own = {one.share: one.microseconds for one in here if one.contestant == name}
                rows.append([name, *(f"{own.get(s, own.get(None, 0)):,.1f}" for s in shares)])
            lines += [*aligned(rows), ""]
        lines += [self.protocol, f"lsr uses {self.instructions}.", str(self.machine)]
        return "\n".join(lines)


def bench_products(
    shapes: Sequence[tuple[int, int]],
    tokens: Sequence[int],
    shares: Sequence[float],
    *,
    runs: int = 30,
    on_shape: Callable[[str], None] = lambda _: None,
) -> ProductBenchmark:
    """Time pruned and dense layers by `lsr` and by peers.

    Args:
        shapes: (columns, rows) of the matrices, inputs first.
        tokens: numbers of tokens.
        shares: of each matrix that is zero, in [0, 1).
        runs: turns of each contestant.
        on_shape: hears what is measured next.

    Raises:
        InvalidInputError: there is nothing to measure, or a share or size is impossible.
    """
    if not (shapes and tokens and shares) or min(runs, *tokens, *sum(shapes, ())) < 1:
        raise InvalidInputError("Shapes, tokens, shares and runs must all be given and at least 1.")
    if not all(0 <= share < 1 for share in shares):
        raise InvalidInputError(f"Shares of zeros are {list(shares)}, but must be in [0, 1).")
    contestants = able()
    machine = this_machine(("numba", "torch", "scipy"))
    times: list[Timed] = []
    with some_cores(1), torch_threads(1):
        for n_columns, n_rows in shapes:
            for n_tokens in tokens:
                on_shape(f"{n_columns} -> {n_rows}, {n_tokens} tokens")
                times += _times(contestants, n_rows, n_columns, n_tokens, shares, runs)
    return ProductBenchmark(tuple(times), runs, INSTRUCTIONS, machine)


def block_pruned(n_rows: int, n_columns: int, share: float) -> NDArray[np.float32]:
    """Return a random matrix of which a share of the 4x1 blocks is zero, alike in all rows."""
    random = np.random.default_rng(SEED)
    weight = random.standard_normal((n_rows, n_columns)).astype(np.float32)
    n_removed = round(n_columns * share)
    for first in range(0, n_rows, 4):
        weight[first : first + 4, random.permutation(n_columns)[:n_removed]] = 0
    return weight


def _times(
    contestants: Sequence[Contestant],
    n_rows: int,
    n_columns: int,
    n_tokens: int,
    shares: Sequence[float],
    runs: int,
) -> Iterator[Timed]:
    random = np.random.default_rng(SEED)
    tokens = random.standard_normal((n_columns, n_tokens)).astype(np.float32)
    entered: dict[tuple[str, float | None], Product] = {}
    for number, share in enumerate(shares):
        task = Product4x1(block_pruned(n_rows, n_columns, share), tokens)
        exact = task.weight.astype(np.float64) @ tokens
        for one in contestants:
            if one.skips_zeros or number == 0:
                product, result = one.prepare(task)
                product()
                _refuse_wrong(one, result(), exact)
                entered[one.name, share if one.skips_zeros else None] = product
    best = _fastest_in_turns(list(entered.values()), runs)
    for (name, own_share), seconds in zip(entered, best, strict=True):
        yield Timed(name, n_rows, n_columns, n_tokens, own_share, 1e6 * seconds)


def _refuse_wrong(one: Contestant, found: NDArray[Any], exact: NDArray[np.float64]) -> None:
    error = float(np.abs(found - exact).max() / np.abs(exact).max())
    if error > one.tolerance:
        raise AssertionError(f"{one.name} is off by {error:.2g} of the largest number.")


def _fastest_in_turns(products: Sequence[Product], runs: int) -> list[float]:
    """Return the least seconds of each, timed in turns."""
    repeats = [max(1, int(SLICE_SECONDS / max(_seconds(one, 1), 1e-9))) for one in products]
    best = [float("inf")] * len(products)
    for _ in range(runs):
        for place, (one, n) in enumerate(zip(products, repeats, strict=True)):
            best[place] = min(best[place], _seconds(one, n))
    return best


def _seconds(product: Product, repeats: int) -> float:
    started = time.perf_counter()
    for _ in range(repeats):
        product()
    return (time.perf_counter() - started) / repeats
