"""Which segments should become one? Small neighbours, and those with many deletions.

Every segment costs a search some time, and every merge copies documents once. So segments are
sorted into tiers by their live documents, each tier eight times as large as the one below:

    tier 0: fewer than 1,024    tier 1: fewer than 8,192    tier 2: fewer than 65,536   ...

1. Eight or more neighbours up to a tier become one if together they are of a higher tier, or are
   all of tier 0. So a merge lifts a document by a tier, and it is copied seven times at most on its
   way to ten million; only in tier 0, where that costs little, it may be copied more often.
2. A segment of which more than 30 % is deleted is written again without it.

Only neighbours are merged, so documents keep their order, which decides among equal scores. No
merge makes a segment of more than 32 million documents.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

FAN_IN = 8
FIRST_TIER_DOCS = 1024
MAX_DELETED = 0.3
MAX_DOCS = 1 << 25


class SegmentSize(NamedTuple):
    """What the policy looks at: documents, and those among them that are deleted."""

    n_docs: int
    n_deleted: int

    @property
    def n_live(self) -> int:
        """Documents that a merge would copy."""
        return self.n_docs - self.n_deleted


def next_merge(sizes: Sequence[SegmentSize]) -> range | None:
    """Return the neighbours to merge next, None when all is well."""
    tiers = [tier_of(size.n_live) for size in sizes]
    for tier in sorted(set(tiers)):
        for run in _runs(tiers, tier):
            n_live = sum(sizes[number].n_live for number in run)
            is_lifted = tier == 0 or tier_of(n_live) > tier
            if len(run) >= FAN_IN and is_lifted and n_live <= MAX_DOCS:
                return run
    for number, size in enumerate(sizes):
        if size.n_deleted > MAX_DELETED * size.n_docs:
            return range(number, number + 1)
    return None


def tier_of(n_live: int) -> int:
    """Return the tier of a segment."""
    tier = 0
    while n_live >= FIRST_TIER_DOCS * FAN_IN**tier:
        tier += 1
    return tier


def _runs(tiers: Sequence[int], tier: int) -> list[range]:
    """Return the longest runs of neighbours that are of this tier or below."""
    borders = [number for number, one in enumerate(tiers) if one > tier]
    return [
        range(begin + 1, end)
        for begin, end in zip([-1, *borders], [*borders, len(tiers)], strict=True)
    ]
