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
    """How four neighbouring products of bytes are summed, exactly in all cases.

    Attributes:
        VNNI: vpdpbusd, an instruction for it.
        WORDS: pmaddwd, which sums two products of 16-bit words, so bytes are widened first. (The
            instruction for bytes, pmaddubsw, saturates: its results would differ.)
        PLAIN: one product at a time, on any processor.
    """

    VNNI = "VNNI"
    WORDS = "words"
    PLAIN = "plain"


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

if HAS_AVX512:
    REGISTER_BITS, _VNNI = 512, "avx512vnni"
elif HAS_AVX2:
    REGISTER_BITS, _VNNI = 256, "avxvnni"
else:
    REGISTER_BITS, _VNNI = 128, ""

DOT = Dot.VNNI if _VNNI in FEATURES else Dot.PLAIN if REGISTER_BITS == 128 else Dot.WORDS

_VECTORS = {512: "AVX-512", 256: "AVX2", 128: "any processor"}

NAME = _VECTORS[REGISTER_BITS] + (" + VNNI" if DOT == Dot.VNNI else "")
"""What a report of speed should print."""
