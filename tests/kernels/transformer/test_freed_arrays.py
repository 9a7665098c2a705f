"""Does a kernel use an array that has been freed already?

Kernels pass addresses, and an array whose address alone is left has no owner: compiled code frees
it after its last use by name. What stood there mostly still stands there, so that results are right
by luck. Here the allocator gives every large array pages of its own, and takes them back when it is
freed: whoever comes later is killed. Panels of 4,096 features are larger than any gap in its heap.
"""

import os
import platform
import subprocess
import sys

import pytest

SCRIPT = """
import sys
import numpy as np
from lsr.kernels.transformer import (
    active_terms, multiply, multiply_blocks, multiply_int8, multiply_int8_blocks,
    new_quantized, pack_blocks, pack_head, pack_int8, pack_int8_blocks, pack_matrix, quantize,
)

random = np.random.default_rng(1)
weight = random.standard_normal((12, 4096), dtype=np.float32)
weight[:4, ::2] = 0
for n_tokens in (16, 64, 160):
    x = random.standard_normal((4096, n_tokens), dtype=np.float32)
    found = np.empty((4, 12, n_tokens), dtype=np.float32)
    multiply_blocks(pack_blocks(weight), x, found[0])
    multiply(pack_matrix(weight), x, found[1])
    blocks, dense, rounded = pack_int8_blocks(weight), pack_int8(weight), new_quantized(*x.shape)
    quantize(x, dense.factors, dense.shifts, rounded)
    multiply_int8_blocks(blocks, rounded, found[2])
    multiply_int8(dense, rounded, found[3])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(found[2], found[3])
    active_terms(pack_head(weight, np.zeros(12, np.float32)), x, np.array([0, n_tokens]))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="its allocator is asked")
def test_products_use_no_array_that_was_freed() -> None:
    own_pages = {"MALLOC_MMAP_THRESHOLD_": "65536"}

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=os.environ | own_pages,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, (done.returncode, done.stderr)
