"""What tests of `lsr eval` share: how it is called, and the heads of its tables."""

from collections.abc import Callable

from typer.testing import Result

LsrEval = Callable[..., Result]

COLUMNS = (
    "measure\trun\tdifference\teffect size\tp t-test\tp randomization\tsignificant\t"
    "wins\tties\tlosses"
)
