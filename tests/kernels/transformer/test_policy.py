"""Rules that hold for every kernel of this package."""

import importlib
import pkgutil
from typing import Any

import pytest

import lsr.kernels.transformer


def _kernels() -> list[Any]:
    found = []
    for module_info in pkgutil.iter_modules(lsr.kernels.transformer.__path__):
        module = importlib.import_module(f"lsr.kernels.transformer.{module_info.name}")
        found += [value for value in vars(module).values() if hasattr(value, "py_func")]
    return list({id(kernel): kernel for kernel in found}.values())


@pytest.mark.parametrize("kernel", _kernels(), ids=lambda kernel: kernel.py_func.__name__)
def test_compiles_without_fastmath_and_without_the_lock(kernel: Any) -> None:
    options = kernel.targetoptions

    assert options.get("nopython") is True
    assert options.get("nogil") is True
    assert options.get("error_model") == "numpy"
    assert not options.get("fastmath", False)


def test_there_are_kernels() -> None:
    assert len(_kernels()) >= 20
