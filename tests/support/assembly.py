"""Look at the machine code that Numba made of a kernel."""

from typing import Any

import numba


def assembly_of(kernel: Any, *args: object) -> str:
    """Compile a copy of `kernel` with its own options and return its assembly.

    A copy, because Numba keeps no assembly for a kernel loaded from its cache.
    """
    options = {name: value for name, value in kernel.targetoptions.items() if name != "cache"}
    copy = numba.jit(**options)(kernel.py_func)
    copy(*args)
    (assembly,) = copy.inspect_asm().values()
    return str(assembly)
