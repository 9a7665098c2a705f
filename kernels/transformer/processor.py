"""Which vector instructions may the tiles use?

The answer comes from the features that Numba itself compiles for, not from asking the processor:
``NUMBA_CPU_FEATURES`` then forces a choice, and since Numba writes these features into the key of
every cached kernel, code for one choice is never loaded under another.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from numba.core.registry import cpu_target


class Dot(Enum):
    """How four neighbouring products of bytes are summed.

    Attributes:
        AVX512_VNNI: vpdpbusd, 16 sums an instruction.
        AVX_VNNI: vpdpbusd, 8 sums.
        WIDENED: bytes are widened to 16 bits, for which every processor has a sum of products. (The
            AVX2 instruction for bytes, vpmaddubsw, saturates: its results would differ.)
    """

    AVX512_VNNI = "avx512vnni"
    AVX_VNNI = "avxvnni"
    WIDENED = "widened"


def _features() -> frozenset[str]:
    codegen: Any = cpu_target.target_context.codegen()
    _, _, features = codegen.magic_tuple()
    named = features.split(",")
    return frozenset(name[1:] for name in named if name.startswith("+"))


FEATURES = _features()

HAS_AVX512 = {"avx512f", "avx512bw"} <= FEATURES
HAS_AVX2 = {"avx2", "fma"} <= FEATURES

WIDE_TILES = HAS_AVX512
"""Whether there are 32 registers of 16 lanes, for tiles of 8 rows and 3 vectors. Else tiles have 4
rows and one vector, which fit 16 registers of 8 lanes; LLVM takes vectors apart."""

if HAS_AVX512 and "avx512vnni" in FEATURES:
    DOT = Dot.AVX512_VNNI
elif HAS_AVX2 and "avxvnni" in FEATURES:
    DOT = Dot.AVX_VNNI
else:
    DOT = Dot.WIDENED

NAME = " + ".join(
    (
        "AVX-512" if HAS_AVX512 else "AVX2" if HAS_AVX2 else "portable vectors",
        *(() if DOT == Dot.WIDENED else ("VNNI",)),
    )
)
"""What a report of speed should print."""
