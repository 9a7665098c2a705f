"""Where in what another tool wrote are the documents? In files that `lsr index` reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lsr.corpus.ciff import ENDING as CIFF_ENDING
from lsr.corpus.opening import CODECS
from lsr.errors import ConfigError, InvalidInputError
from lsr.interchange import ciff

_JSON_ENDINGS = (".json", ".jsonl")


def document_files(name: str, source: Path) -> list[Path]:
    """Return the files of documents, in order.

    Args:
        name: the format, one of `IMPORTS`.
        source: a file of the format, or the folder that holds it.

    Raises:
        ConfigError: there is no such format.
        InvalidInputError: there are no such files.
    """
    if name not in IMPORTS:
        raise ConfigError(f"There is no format {name!r}; choose one of {', '.join(IMPORTS)}.")
    if not source.exists():
        raise InvalidInputError(f"There is no file or folder {str(source)!r}; check the path.")
    return IMPORTS[name](source) if source.is_dir() else [source]


def _anserini_files(folder: Path) -> list[Path]:
    collection = folder / "collection"
    place = collection if collection.is_dir() else folder
    endings = {f"{ending}{codec}" for ending in _JSON_ENDINGS for codec in ("", *CODECS)}
    found = [one for one in sorted(place.iterdir()) if one.name.endswith(tuple(endings))]
    return found or _none(place, "documents (.json or .jsonl, plain or compressed)")


def _ciff_file(folder: Path) -> list[Path]:
    endings = tuple(f"{CIFF_ENDING}{codec}" for codec in ("", *CODECS))
    found = [one for one in sorted(folder.iterdir()) if one.name.endswith(endings)]
    if len(found) > 1:
        raise InvalidInputError(
            f"{folder} holds {len(found)} files of CIFF, each an index of its own; name one."
        )
    return found or _none(folder, f"{ciff.FILE_NAME}, nor another {CIFF_ENDING} file")


def _embeddings(folder: Path) -> list[Path]:
    file = folder / "doc" / "doc-embeddings.npz"
    return [file] if file.is_file() else _none(folder, "doc/doc-embeddings.npz")


def _none(folder: Path, what: str) -> list[Path]:
    raise InvalidInputError(f"{folder} holds no {what}; name the folder or file that does.")


IMPORTS: dict[str, Callable[[Path], list[Path]]] = {
    "anserini": _anserini_files,
    "ciff": _ciff_file,
    "lsr-benchmark": _embeddings,
}
"""What finds the files of a folder, by format."""
