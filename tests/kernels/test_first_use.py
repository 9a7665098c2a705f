import logging
from types import FunctionType, SimpleNamespace

import pytest

from lsr.kernels import top_k
from lsr.kernels._first_use import CompilationNotice


def _begun(function: object) -> SimpleNamespace:
    return SimpleNamespace(data={"dispatcher": SimpleNamespace(py_func=function)})


def test_our_first_kernel_is_announced_once(caplog: pytest.LogCaptureFixture) -> None:
    notice = CompilationNotice()

    with caplog.at_level(logging.WARNING):
        notice.on_start(_begun(top_k.offer.py_func))
        notice.on_start(_begun(top_k.insert.py_func))

    assert len(caplog.records) == 1


def test_functions_of_others_are_not_even_those_of_no_module(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Numba itself makes functions from text, which belong to no module."""
    of_no_module = FunctionType((lambda: 0).__code__, {})
    assert of_no_module.__module__ is None

    with caplog.at_level(logging.WARNING):
        CompilationNotice().on_start(_begun(of_no_module))
        CompilationNotice().on_start(_begun(logging.warning))

    assert not caplog.records
