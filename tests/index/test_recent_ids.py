import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsr.documents import Document
from lsr.index import doc_ids
from lsr.index.doc_ids import hash_ids
from lsr.index.recent_ids import RecentIds

_BATCHES = st.lists(st.text("abé\U0001f600", min_size=1, max_size=3), unique=True, max_size=60)


def _filled(ids: list[str], size: int) -> RecentIds:
    recent = RecentIds()
    for first in range(0, len(ids), size):
        part = ids[first : first + size]
        recent.add([Document(one, place=f"f:{one}") for one in part], hash_ids(part))
    return recent


@given(_BATCHES, _BATCHES, st.integers(1, 9))
def test_equals_a_dictionary(ids: list[str], asked: list[str], size: int) -> None:
    recent = _filled(ids, size)

    found = recent.find(asked, hash_ids(asked))

    assert found == {row: ids.index(one) for row, one in enumerate(asked) if one in ids}
    assert [recent.place(number) for number in range(len(ids))] == [f"f:{one}" for one in ids]
    assert recent.n_docs == len(ids)


def test_equal_hashes_are_told_apart_by_the_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doc_ids, "_hash", lambda _: 7)

    recent = _filled(["a", "b", "c"], 2)

    assert recent.find(["c", "d", "a"], hash_ids(["c", "d", "a"])) == {0: 2, 2: 0}


def test_ids_take_few_bytes() -> None:
    ids = [f"corpus/{number:09d}" for number in range(8192)]

    recent = _filled(ids, 4096)

    assert recent.size_bytes < 24 * len(ids)
