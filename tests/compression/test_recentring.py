import numpy as np
import pytest

from lsr.compression import Recentring
from lsr.compression.recentring import recentred
from transformer_inputs import normal

ALL = np.ones((8, 50), dtype=np.bool_)


def test_texts_have_as_many_terms_as_before() -> None:
    before, after = normal(1, 8, 50) - 1, normal(2, 8, 50) * 2 + 0.5

    for how in (Recentring.THRESHOLD, Recentring.TERMS):
        shifted = after + recentred(how, before, after, ALL)
        assert (shifted > 0).sum() == (before > 0).sum()


def test_a_threshold_is_one_number_and_terms_have_their_own() -> None:
    before, after = normal(1, 8, 50), normal(2, 8, 50)

    assert np.unique(recentred(Recentring.THRESHOLD, before, after, ALL)).size == 1
    shift = recentred(Recentring.TERMS, before, after, ALL)
    moved = shift - (before - after).mean(axis=0)
    np.testing.assert_allclose(moved, moved[0], atol=1e-5)


def test_what_only_moved_moves_back() -> None:
    before = normal(1, 8, 50)
    offsets = normal(2, 50)

    shift = recentred(Recentring.TERMS, before, before + offsets, ALL)

    np.testing.assert_array_equal(before + offsets + shift > 0, before > 0)


@pytest.mark.parametrize("how", [Recentring.THRESHOLD, Recentring.TERMS])
def test_terms_that_are_left_make_up_for_those_that_a_text_has_lost(how: Recentring) -> None:
    before, after = normal(1, 8, 50) - 1, normal(2, 8, 50)
    is_left = normal(3, 8, 50) > 0

    shift = recentred(how, before, after, is_left)

    assert (((after + shift) > 0) & is_left).sum() == (before > 0).sum()


@pytest.mark.parametrize("how", list(Recentring))
def test_nothing_to_count_changes_nothing(how: Recentring) -> None:
    before = np.full((2, 50), -1, dtype=np.float32)

    assert not recentred(how, before, before, ALL[:2]).any()
