import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsr.index import merge_policy as subject
from lsr.index.merge_policy import FAN_IN, SegmentSize, next_merge, tier_of

_SIZES = st.lists(st.integers(1, 200_000).map(lambda n: SegmentSize(n, 0)), max_size=40)


def _settle(sizes: list[SegmentSize]) -> int:
    """Merge until the policy is content, and return how many documents were copied."""
    n_copied = 0
    while run := next_merge(sizes):
        n_live = sum(sizes[number].n_live for number in run)
        sizes[run.start : run.stop] = [SegmentSize(n_live, 0)]
        n_copied += n_live
    return n_copied


@pytest.mark.parametrize(
    ("n_live", "tier"), [(0, 0), (1023, 0), (1024, 1), (8191, 1), (8192, 2), (65_536, 3)]
)
def test_a_tier_is_eight_times_the_one_below(n_live: int, tier: int) -> None:
    assert tier_of(n_live) == tier


@given(_SIZES)
def test_ends_without_eight_neighbours_of_a_tier(sizes: list[SegmentSize]) -> None:
    n_docs = sum(size.n_docs for size in sizes)

    _settle(sizes)

    assert sum(size.n_docs for size in sizes) == n_docs
    tiers = [tier_of(size.n_live) for size in sizes]
    for start in range(len(tiers) - FAN_IN + 1):
        assert len(set(tiers[start : start + FAN_IN])) > 1


def test_seven_segments_are_left_alone() -> None:
    assert next_merge([SegmentSize(100, 0)] * 7) is None


def test_small_segments_between_large_ones_go_along() -> None:
    large, small = SegmentSize(10_000, 0), SegmentSize(5, 0)

    assert next_merge([SegmentSize(10**6, 0), *([large, small] * 8)]) == range(1, 17)
    assert next_merge([SegmentSize(10**6, 0), *([large, small] * 3)]) is None


def test_a_large_segment_is_not_copied_for_small_ones() -> None:
    sizes = [SegmentSize(10**6, 0), *([SegmentSize(1, 0)] * 8)]

    assert next_merge(sizes) == range(1, 9)


def test_a_segment_with_many_deletions_is_rewritten() -> None:
    assert next_merge([SegmentSize(10, 3), SegmentSize(10, 4)]) == range(1, 2)
    assert next_merge([SegmentSize(10, 3)]) is None


def test_no_segment_outgrows_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "MAX_DOCS", 20_000)

    assert next_merge([SegmentSize(3000, 0)] * 8) is None
    assert next_merge([SegmentSize(2000, 0)] * 8) == range(8)


def test_commits_of_any_size_leave_few_segments_and_copy_each_document_a_few_times() -> None:
    rng = random.Random(5)
    sizes: list[SegmentSize] = []
    n_copied = n_docs = 0
    for _ in range(3000):
        size = int(10 ** rng.uniform(0, 4))
        sizes.append(SegmentSize(size, 0))
        n_docs += size
        n_copied += _settle(sizes)

    n_tiers = 1 + tier_of(n_docs)
    assert len(sizes) <= FAN_IN * n_tiers
    assert n_copied <= n_docs * n_tiers
