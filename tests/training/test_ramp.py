import pytest

from lsr.training.ramp import ramp


def test_rises_as_the_square_and_stays() -> None:
    assert [ramp(step, 4) for step in (1, 2, 3, 4, 5, 400)] == [1 / 16, 1 / 4, 9 / 16, 1, 1, 1]


def test_without_steps_the_first_has_all_of_it() -> None:
    assert ramp(1, 0) == pytest.approx(1)
