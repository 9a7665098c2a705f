"""Every choice of instructions gives the same results, with the instructions it promises."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import pytest

from lsr.kernels.transformer import processor

SCRIPT = Path(__file__).parents[2] / "support" / "forced_processor.py"

AVX2 = "+sse4.2,+avx,+avx2,+fma,+bmi,+bmi2,+f16c"
AVX512 = f"{AVX2},+avx512f,+avx512bw,+avx512vl,+avx512dq"

# Features, then the instructions of float32 tiles and of byte tiles.
CHOICES = {
    "AVX-512 + VNNI": (f"{AVX512},+avx512vnni", "vfmadd231ps zmm", "vpdpbusd zmm"),
    "AVX-512": (AVX512, "vfmadd231ps zmm", "vpmaddwd zmm"),
    "AVX2 + VNNI": (f"{AVX2},+avxvnni", "vfmadd231ps ymm", "vpdpbusd ymm"),
    "AVX2": (AVX2, "vfmadd231ps ymm", "vpmaddwd ymm"),
    # LLVM itself finds that these 32-bit products fit an instruction for words.
    "any processor": ("+sse2", "mulps xmm", "pmaddwd xmm"),
}


def run_with(features: str) -> Any:
    """Return what the kernels do in a process that compiles for these features."""
    missing = {name[1:] for name in features.split(",")} - {
        name for name, is_there in llvm.get_host_cpu_features().items() if is_there
    }
    if platform.machine() != "x86_64" or missing:
        pytest.skip(f"this processor lacks {sorted(missing)}")
    environment = os.environ | {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": features}
    command = [sys.executable, "-W", "error", str(SCRIPT)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("name", CHOICES)
def test_a_forced_choice_is_right_and_uses_its_instructions(name: str) -> None:
    features, float_instruction, byte_instruction = CHOICES[name]

    report = run_with(features)

    assert report["name"] == name
    error, largest = report["sums_of_bytes"]
    assert error == 0
    assert largest == 9 * 4 * 255 * 127
    assert max(report["errors"].values()) < 1e-6
    assert set(report["float"]) == {float_instruction}
    assert set(report["bytes"]) == {byte_instruction}
    assert set(report["float blocks"]) == {float_instruction}
    assert set(report["byte blocks"]) == {byte_instruction}


def test_the_choice_is_that_of_the_features() -> None:
    assert processor.WIDE_TILES == processor.HAS_AVX512
    assert ("VNNI" in processor.NAME) == (processor.DOT == processor.Dot.VNNI)
