import resource
from collections.abc import Callable, Iterator

import pytest


@pytest.fixture
def with_file_size_limit() -> Iterator[Callable[[int], None]]:
    """Make the disk as good as full: no file may grow beyond a size.

    The operating system then fails writes with EFBIG, which is handled as ENOSPC is; unlike a
    small file system, the limit needs no privileges.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
