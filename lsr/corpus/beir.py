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
    candidates = [folder / f"{form.stem}.jsonl{ending}" for ending in ("", *CODECS)]
    found = next((candidate for candidate in candidates if candidate.is_file()), None)
    if found is None:
        names = ", ".join(candidate.name for candidate in candidates)
        raise InvalidInputError(
            f"{folder} is a folder but not a BEIR folder: it holds none of {names}; name a file "
            "inside it, or rename yours."
        )
    return found
