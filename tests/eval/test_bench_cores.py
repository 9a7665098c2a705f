import os
import sys
import threading

import pytest

from lsr.eval.bench.cores import one_core, threads_of_this_process


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux binds threads to cores")
def test_old_threads_are_bound_and_freed_too() -> None:
    before = os.sched_getaffinity(0)
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()

    with one_core() as pinned:
        inside = [os.sched_getaffinity(one) for one in threads_of_this_process()]
    after = [os.sched_getaffinity(one) for one in threads_of_this_process()]
    done.set()
    thread.join()

    assert pinned
    assert len(inside) >= 2
    assert all(cores == {max(before)} for cores in inside)
    assert all(cores == before for cores in after)
