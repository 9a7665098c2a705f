import threading
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from unittest.mock import Mock

import numpy as np
import pytest
import torch

from lsr.encoders.batching import Window
from lsr.encoders.tokenization import TokenizedText
from lsr.encoders.torch_model import single_torch_thread
from lsr.encoders.workers import Workers, available_cores
from lsr.sparse import SparseBatch

N_TERMS = 1000


def encode(texts: Sequence[TokenizedText]) -> SparseBatch:
    """Give each text its first id as its only term."""
    return SparseBatch.from_rows([[(int(text.ids[0]), 1.0)] for text in texts], N_TERMS)


def window(first: int, n_texts: int) -> Window:
    """Return a window of texts of one token, two to a batch."""
    numbers = range(first, first + n_texts)
    texts = [TokenizedText(np.array([n], np.int64), False, slice(0, 1)) for n in numbers]
    return Window(texts, 2)


def no_threads() -> bool:
    return not [one for one in threading.enumerate() if one.name.startswith("lsr-")]


def test_windows_come_out_as_they_were_started() -> None:
    with Workers(encode, 3, nullcontext()) as workers:
        windows = [workers.start(partial(window, at, 7)) for at in range(0, 70, 7)]

        terms: list[int] = []
        for started in windows:
            one, batches = started.result()
            assert len(batches) == 4
            vectors = one.in_order([batch.result() for batch in batches], N_TERMS)
            terms += vectors.terms.tolist()

    assert terms == list(range(70))
    assert no_threads()


def test_workers_compute_with_one_torch_thread_each() -> None:
    counts = set()
    before = torch.get_num_threads()

    def counted(texts: Sequence[TokenizedText]) -> SparseBatch:
        counts.add(torch.get_num_threads())
        return encode(texts)

    with Workers(counted, 2, single_torch_thread()) as workers:
        for batch in workers.start(lambda: window(0, 8)).result()[1]:
            batch.result()

    assert counts == {1}
    assert torch.get_num_threads() == before


def test_an_error_of_the_tokenizer_is_raised_as_it_is() -> None:
    def fail() -> Window:
        raise UnicodeError("no text")

    with pytest.raises(UnicodeError, match="no text"):
        with Workers(encode, 2, nullcontext()) as workers:
            workers.start(fail).result()

    assert no_threads()


def test_an_error_of_a_worker_is_raised_as_it_is_and_drops_the_rest() -> None:
    begun = []
    before = torch.get_num_threads()
    never = threading.Event()

    def broken(texts: Sequence[TokenizedText]) -> SparseBatch:
        begun.append(texts)
        if texts[0].ids[0] == 0:
            raise MemoryError("no more")
        never.wait(0.2)  # a batch that takes its time
        return encode(texts)

    with pytest.raises(MemoryError, match="no more"):
        with Workers(broken, 2, single_torch_thread()) as workers:
            for batch in workers.start(lambda: window(0, 200)).result()[1]:
                batch.result()

    assert len(begun) < 100
    assert no_threads()
    assert torch.get_num_threads() == before


def test_a_window_that_was_started_last_is_not_tokenized_after_an_error() -> None:
    may_go_on = threading.Event()
    later = Mock()

    def slowly() -> Window:
        may_go_on.wait()
        return window(0, 2)

    with pytest.raises(KeyboardInterrupt):
        with Workers(encode, 2, nullcontext()) as workers:
            workers.start(slowly)
            workers.start(later)
            threading.Timer(0.05, may_go_on.set).start()
            raise KeyboardInterrupt

    later.assert_not_called()
    assert no_threads()


def test_an_encoding_within_another_does_not_wait_for_it() -> None:
    with single_torch_thread():
        with Workers(encode, 2, single_torch_thread()) as workers:
            (batch,) = workers.start(lambda: window(0, 2)).result()[1]
            assert len(batch.result()) == 2


def test_at_least_one_core() -> None:
    assert available_cores() >= 1
