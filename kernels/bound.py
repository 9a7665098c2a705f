"""How do many arrays reach a kernel as one argument? Bound together once, for all calls to come.

Unpacking a segment's NamedTuples takes 3 us a call, as long as searching a few hundred documents
does; a `Bound` is one reference, for 0.5 us.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.experimental import structref

from lsr.kernels._compile import kernel


@structref.register
class _BoundType(types.StructRef):
    """Numba's type of a `Bound`, made of the type of its value."""


class Bound(structref.StructRefProxy):
    """A reference to a value, `NamedTuple` or array, that kernels read as its attribute `value`.

    It keeps the memory of the value's arrays. Made by `bind`, or by a kernel.
    """

    __slots__ = ()


structref.define_constructor(Bound, _BoundType, ["value"])
structref.define_boxing(_BoundType, Bound)


@kernel
def bind(value: Any) -> Bound:
    """Return a value as an argument that costs little to pass."""
    return Bound(value)
