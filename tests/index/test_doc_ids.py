import tempfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from lsr.index.array_file import open_arrays
from lsr.index.doc_ids import DocIds, DocIdsWriter, hash_ids

_IDS = st.lists(st.text(min_size=1).filter(lambda one: one.isprintable()), unique=True, max_size=30)


def _stored(doc_ids: Sequence[str]) -> DocIds:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ids.arrays"
        writer = DocIdsWriter(path)
        for part in (doc_ids[:2], doc_ids[2:]):
            writer.add(part, hash_ids(part))
        return DocIds.from_arrays(open_arrays(path, writer.close()))


@given(_IDS, st.text(min_size=1))
@settings(deadline=None)
def test_equals_a_dictionary(doc_ids: list[str], other: str) -> None:
    table = _stored(doc_ids)

    assert table.to_list() == doc_ids
    assert [table[number] for number in range(len(table))] == doc_ids
    assert [table.number(one) for one in doc_ids] == list(range(len(doc_ids)))
    assert table.number(other + "?") is None or other + "?" in doc_ids
    asked = [*reversed(doc_ids), other]
    found = {row: doc_ids.index(one) for row, one in enumerate(asked) if one in doc_ids}
    assert table.find(asked, hash_ids(asked)) == found


def test_equal_hashes_are_told_apart_by_the_strings(monkeypatch: object) -> None:
    import lsr.index.doc_ids as module

    monkeypatch.setattr(module, "_hash", lambda doc_id: 7)  # type: ignore[attr-defined]

    table = _stored(["a", "b", "c"])

    assert [table.number(one) for one in ("c", "a", "b", "d")] == [2, 0, 1, None]
