"""What does a process that searches shards do? It opens the files that a question is about.

It has no state but what it keeps open, so any process can answer for any shard: its own, usually,
and another's while that one has no process.
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import msgspec

from lsr.cluster.questions import Answer, Question, floors_from_bytes
from lsr.errors import LsrError
from lsr.index import (
    EXACT,
    Filter,
    Manifest,
    Searcher,
    folder_with,
    is_url,
    manifest_at,
    parts_of,
    read_manifest,
)
from lsr.index.filter_text import filter_from_text
from lsr.kernels.algorithm import Algorithm
from lsr.sparse import SparseBatch

KEPT = 4
"""Snapshots that stay open: two commits, as some ask about the one before while a new one comes, of
a shard of one's own and of another's."""

FIRST_QUESTION = Question.of(
    SparseBatch.from_rows([[(0, 1.0)]], n_terms=1), 1, 1, None, EXACT, Algorithm.AUTO
)
"""What a process asks itself to get ready."""


class ShardProcess:
    """Answers questions about shards.

    It loads kernels and opens a shard before it is ready for others' questions. What is wrong with
    the shard is said when it is asked.

    Args:
        place: folder of the whole index, or the URL where it was published: of the files that a
            question is about, this machine then gets a copy.
        shard: name of the shard that it will be asked about.
    """

    def __init__(self, place: str, shard: str) -> None:
        self._place = place
        self._open: OrderedDict[bytes, Searcher] = OrderedDict()
        with suppress(LsrError):
            manifest = manifest_at(place) if is_url(place) else read_manifest(Path(place))
            for part in parts_of(manifest):
                if part.name == shard:
                    files = msgspec.json.encode(part.manifest)
                    self.answer(files, msgspec.msgpack.encode(FIRST_QUESTION), bytes(8))

    def answer(self, files: bytes, question: bytes, floors: bytes) -> bytes:
        """Return an `Answer`.

        Args:
            files: the shard's part of the manifest, as JSON.
            question: a `Question`.
            floors: see `Searcher.search_batch`.
        """
        searcher, asked = self._searcher(files), msgspec.msgpack.decode(question, type=Question)
        found = searcher.search_batch(
            asked.queries,
            asked.k,
            asked.threads,
            where=None if asked.where is None else _filter(asked.where),
            approximation=asked.approximation,
            algorithm=Algorithm(asked.algorithm),
            floors=floors_from_bytes(floors),
        )
        return msgspec.msgpack.encode(Answer.of(found))

    def _searcher(self, files: bytes) -> Searcher:
        if files not in self._open:
            manifest = msgspec.json.decode(files, type=Manifest)
            before = self._before(manifest)
            path = folder_with(self._place, manifest) if is_url(self._place) else Path(self._place)
            self._open[files] = Searcher(path, manifest, before=before)
            while len(self._open) > KEPT:
                self._open.popitem(last=False)
        self._open.move_to_end(files)
        return self._open[files]

    def _before(self, manifest: Manifest) -> Searcher | None:
        """Return the last commit that has segments in common with this one."""
        names = {one.name for one in manifest.segments}
        for searcher in reversed(self._open.values()):
            if any(one.name in names for one in searcher.manifest.segments):
                return searcher
        return None


@lru_cache(maxsize=32)
def _filter(text: str) -> Filter:
    """Read a filter, whose size and fields the asking process has checked."""
    return filter_from_text(text)
