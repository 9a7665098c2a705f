"""Any sequence of changes leaves the index equal to a dictionary that saw the same changes."""

import shutil
import tempfile
from contextlib import nullcontext
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import lsr
from lsr.errors import DiskFullError, DuplicateIdError
from lsr.index import merge_policy, read_manifest, segment_set, verify_index

TERMS = ["cat", "dog", "emu", "fox"]
QUERY = {"cat": 3, "dog": 2, "emu": 1}

_IDS = st.sampled_from([f"d{number}" for number in range(8)])
# Integers are kept exactly, so scores can be computed from the dictionary.
_VECTORS = st.dictionaries(st.sampled_from(TERMS), st.integers(1, 3))


class LivingIndex(RuleBasedStateMachine):
    """The model keeps documents in the order in which they were last added."""

    @initialize()
    def make(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "idx"
        self.committed: dict[str, dict[str, int]] = {}
        self.index = lsr.Index.build(self.path, [], max_weight=255.0)

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @rule(
        changes=st.lists(st.tuples(st.sampled_from(["add", "update", "delete"]), _IDS, _VECTORS)),
        merge=st.booleans(),
        commit=st.booleans(),
    )
    def change(
        self, changes: list[tuple[str, str, dict[str, int]]], merge: bool, commit: bool
    ) -> None:
        model = dict(self.committed)
        with self.index.writer() as writer:
            for kind, doc_id, vector in changes:
                if kind == "delete":
                    assert writer.delete(doc_id) == (model.pop(doc_id, None) is not None)
                    continue
                try:
                    writer.add((doc_id, vector), update=kind == "update")
                except DuplicateIdError:
                    assert doc_id in model
                else:
                    model.pop(doc_id, None)
                    model[doc_id] = vector
            if merge:
                writer.merge()
            if commit:
                writer.commit()
                self.committed = model

    @rule()
    def reopen(self) -> None:
        self.index = lsr.Index.open(self.path)

    @rule()
    def merge(self) -> None:
        with self.index.writer() as writer:
            writer.merge()
            writer.commit()
        assert len(self.index.info()["segments"]) <= 1
        assert self.index.info()["n_deleted"] == 0

    @invariant()
    def searches_as_the_dictionary_does(self) -> None:
        found = [(hit.doc_id, hit.score) for hit in self.index.search(QUERY, k=20)]

        scores = {
            doc_id: float(sum(QUERY.get(term, 0) * weight for term, weight in vector.items()))
            for doc_id, vector in self.committed.items()
        }
        ranked = sorted((one for one in scores if scores[one]), key=lambda one: -scores[one])
        assert found == [(doc_id, scores[doc_id]) for doc_id in ranked]

    @invariant()
    def holds_what_the_dictionary_holds(self) -> None:
        searcher = self.index.searcher
        assert searcher.doc_ids(list(searcher.live_numbers())) == list(self.committed)
        for doc_id in self.committed:
            number = searcher.doc_number(doc_id)
            assert number is not None
            assert searcher.document(number).doc_id == doc_id
        assert searcher.doc_number("nobody") is None

    @invariant()
    def is_sound(self) -> None:
        for _ in verify_index(self.path):
            pass


class EagerIndex(LivingIndex):
    """An index whose writer merges any two neighbours of a size."""

    @initialize()
    def make(self) -> None:
        self.patch = mock.patch.object(merge_policy, "FAN_IN", 2)
        self.patch.start()
        super().make()

    def teardown(self) -> None:
        self.patch.stop()
        super().teardown()


LivingIndex.TestCase.settings = settings(deadline=None, max_examples=40, stateful_step_count=12)
EagerIndex.TestCase.settings = settings(deadline=None, max_examples=40, stateful_step_count=12)
TestLivingIndex = LivingIndex.TestCase
TestEagerIndex = EagerIndex.TestCase


def test_small_commits_are_merged_without_being_asked(tmp_path: Path) -> None:
    index = lsr.Index.build(tmp_path / "idx", [], max_weight=255.0)
    for number in range(40):
        with index.writer() as writer:
            writer.add((f"d{number}", {"cat": 1 + number % 2}))
            writer.commit()

        hits = index.search({"cat": 1}, 100)
        expected = [f"d{n}" for n in range(1, number + 1, 2)] + [
            f"d{n}" for n in range(0, number + 1, 2)
        ]
        assert [hit.doc_id for hit in hits] == expected
        assert len(index.info()["segments"]) < merge_policy.FAN_IN
        assert index.info()["commit"] == read_manifest(index.path).commit


def test_many_deletions_make_a_segment_be_written_again(tmp_path: Path) -> None:
    index = lsr.Index.build(tmp_path / "idx", [(f"d{n}", {"cat": n + 1}) for n in range(10)])

    with index.writer() as writer:
        for number in range(4):
            writer.delete(f"d{number}")
        writer.commit()

    assert index.info()["n_deleted"] == 0
    assert [hit.doc_id for hit in index.search({"cat": 1})] == [f"d{n}" for n in range(9, 3, -1)]


@pytest.mark.parametrize("error", [DiskFullError("The disk is full."), KeyboardInterrupt()])
def test_a_merge_that_fails_after_a_commit_takes_nothing_back(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: BaseException,
) -> None:
    def fail(*_: object) -> None:
        raise error

    index = lsr.Index.build(tmp_path / "idx", [("a", {"cat": 1})])
    monkeypatch.setattr(merge_policy, "FAN_IN", 2)
    is_told = isinstance(error, DiskFullError)
    with monkeypatch.context() as patch:
        patch.setattr(segment_set, "copy_segments", fail)
        with nullcontext() if is_told else pytest.raises(KeyboardInterrupt):
            with index.writer() as writer:
                writer.add(("b", {"cat": 2}))
                writer.commit()

    assert [hit.doc_id for hit in lsr.Index.open(index.path).search({"cat": 1})] == ["b", "a"]
    assert ("segments were not merged: The disk is full." in caplog.text) == is_told
    assert {one.name for one in (index.path / "segments").iterdir()} == read_manifest(
        index.path
    ).file_names()


def test_a_merge_answers_as_its_segments_did(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    index = lsr.Index.build(tmp_path / "idx", [], max_weight=4.0)
    for start in range(0, 90, 30):
        with index.writer() as writer:
            for number in range(start, start + 30):
                terms = rng.choice(40, 8, replace=False)
                writer.add((str(number), {f"t{t}": float(rng.uniform(0.5, 4)) for t in terms}))
            writer.commit()
    with index.writer() as writer:
        for number in range(0, 90, 7):
            writer.delete(str(number))
        writer.commit()
    queries = [{f"t{t}": 1.0 + t / 7 for t in range(n, n + 5)} for n in range(30)]
    before = [[(hit.doc_id, hit.score) for hit in hits] for hits in index.search_batch(queries, 50)]

    with index.writer() as writer:
        writer.merge()
        writer.commit()

    after = [[(hit.doc_id, hit.score) for hit in hits] for hits in index.search_batch(queries, 50)]
    assert after == before
    assert len(index.info()["segments"]) == 1
