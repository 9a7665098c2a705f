"""Where is zstd? In Python itself from 3.14 on; before that in a backport of the same module."""

import sys

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdCompressor, ZstdError, ZstdFile, compress, decompress
else:
    from backports.zstd import ZstdCompressor, ZstdError, ZstdFile, compress, decompress

__all__ = ["ZstdCompressor", "ZstdError", "ZstdFile", "compress", "decompress"]
