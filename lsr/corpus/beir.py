"""Where in a BEIR folder are the documents and the queries?"""

from __future__ import annotations

from pathlib import Path

from lsr.corpus.opening import CODECS
from lsr.corpus.records import RecordForm
from lsr.errors import InvalidInputError


def beir_file(folder: Path, form: RecordForm) -> Path:
    """Return ``corpus.jsonl`` or ``queries.jsonl`` of a BEIR folder, plain or compressed.

    Raises:
        InvalidInputError: the folder holds none.
    """
    found = find_beir_file(folder, form.stem)
    if found is None:
        names = ", ".join(candidate.name for candidate in _candidates(folder, form.stem))
        raise InvalidInputError(
            f"{folder} is a folder but not a BEIR folder: it holds none of {names}; name a file "
            "inside it, or rename yours."
        )
    return found


def find_beir_file(folder: Path, stem: str) -> Path | None:
    """Return ``STEM.jsonl`` of a folder, plain or compressed, if it is there."""
    return next((path for path in _candidates(folder, stem) if path.is_file()), None)


def _candidates(folder: Path, stem: str) -> list[Path]:
    return [folder / f"{stem}.jsonl{ending}" for ending in ("", *CODECS)]
