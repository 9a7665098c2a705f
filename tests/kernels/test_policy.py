"""Rules that hold for every kernel."""

import importlib
import pkgutil
from typing import Any

import pytest

import lsr.kernels


def _kernels() -> list[Any]:
    found = []
    for module_info in pkgutil.walk_packages(lsr.kernels.__path__, "lsr.kernels."):
        module = importlib.import_module(module_info.name)
        found += [value for value in vars(module).values() if hasattr(value, "py_func")]
    # A kernel stands in every module that imports it.
    return list({id(kernel): kernel for kernel in found}.values())


@pytest.mark.parametrize("kernel", _kernels(), ids=lambda kernel: kernel.py_func.__name__)
def test_compiles_without_fastmath_and_without_the_lock(kernel: Any) -> None:
    options = kernel.targetoptions

    assert options.get("nopython") is True
    assert options.get("nogil") is True
    assert options.get("error_model") == "numpy"
    assert not options.get("fastmath", False)


def test_there_are_kernels() -> None:
    modules = {kernel.py_func.__module__ for kernel in _kernels()}

    assert {"lsr.kernels.search", "lsr.kernels.transformer.attention"} <= modules
    assert len(_kernels()) >= 25
