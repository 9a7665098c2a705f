"""How does a manifest name the vocabulary? By its digest, and by a file where terms have names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lsr.index.array_file import write_arrays
from lsr.index.manifest import VocabularyEntry
from lsr.index.string_table import StringTable
from lsr.index.vocabulary import Vocabulary, VocabularyKind


def write_vocabulary(
    folder: Path,
    new_name: Callable[[], str],
    vocabulary: Vocabulary,
    before: VocabularyEntry | None,
) -> VocabularyEntry:
    """Describe a vocabulary, writing its names when they have changed.

    Args:
        folder: where files are made.
        new_name: names a new file.
        vocabulary: the vocabulary.
        before: what described it last.
    """
    if before and before.names and before.fingerprint == vocabulary.fingerprint:
        return before
    names = None
    if vocabulary.kind is not VocabularyKind.NUMBERS:
        path = folder / f"{new_name()}.vocabulary.arrays"
        names = write_arrays(path, StringTable.to_arrays("term", vocabulary.names))
    return VocabularyEntry(vocabulary.kind, vocabulary.n_terms, vocabulary.fingerprint, names)
