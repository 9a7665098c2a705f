"""How much of the exact answer may a search give up for speed? Nothing, unless it is told."""

from __future__ import annotations

from dataclasses import dataclass

from lsr.errors import InvalidInputError
from lsr.pruning import PruneRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Approximation:
    """Three ways to look at less; they can be combined, and by default none is used.

    Attributes:
        prune: light query terms are left out by this rule.
        bound_factor: above 0 and up to 1: upper bounds of what a document may still gain count only
            for this share of themselves when it is compared with the k-th best so far.
        max_ranges: ranges of 65,536 documents searched in each segment, those with the highest
            upper bounds; None for all.

    Raises:
        InvalidInputError: a number is out of its range.
    """

    prune: PruneRule | None = None
    bound_factor: float = 1.0
    max_ranges: int | None = None

    def __post_init__(self) -> None:
        if not 0.0 < self.bound_factor <= 1.0:
            raise InvalidInputError(
                f"bound_factor is {self.bound_factor:g}, but must be above 0 and up to 1."
            )
        if self.max_ranges is not None and self.max_ranges < 1:
            raise InvalidInputError(f"max_ranges is {self.max_ranges}, but must be at least 1.")

    @property
    def uses_bounds(self) -> bool:
        """Whether something else than query terms is given up."""
        return self.bound_factor < 1 or self.max_ranges is not None

    @property
    def is_exact(self) -> bool:
        """Whether nothing is given up."""
        return self == EXACT


EXACT = Approximation()
