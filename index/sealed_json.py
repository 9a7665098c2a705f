"""How does a small file of JSON say that it is whole? By a checksum over its content."""

from __future__ import annotations

from pathlib import Path

import msgspec
import xxhash

from lsr.errors import CorruptIndexError, FormatVersionError, IndexNotFoundError, IndexStorageError

FORMAT_VERSION = 2


class _Envelope(msgspec.Struct):
    format: str
    version: int
    checksum: str
    content: msgspec.Raw


def sealed(format_name: str, content: msgspec.Struct) -> bytes:
    """Return the bytes of a file that holds `content`."""
    encoded = msgspec.json.encode(content)
    checksum = xxhash.xxh3_64_hexdigest(encoded)
    return msgspec.json.encode(
        _Envelope(format_name, FORMAT_VERSION, checksum, msgspec.Raw(encoded))
    )


def unsealed(file: Path, format_name: str, remedy: str) -> bytes:
    """Return the content of a file that `sealed` made, compared with its checksum.

    Args:
        file: its path.
        format_name: what it was sealed as.
        remedy: what to do when it is damaged.

    Raises:
        CorruptIndexError: the file is damaged.
        FormatVersionError: it was written by another version of the format.
        IndexNotFoundError: it was written by another program.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise IndexStorageError(f"{file.parent} could not be read: {error.strerror}.") from error
    return unsealed_bytes(content, str(file.parent), file.name, format_name, remedy)


def unsealed_bytes(content: bytes, place: str, name: str, format_name: str, remedy: str) -> bytes:
    """Return the content of what `sealed` made; see `unsealed`.

    Args:
        content: the bytes.
        place: where the file lies.
        name: the file's name there.
        format_name: what it was sealed as.
        remedy: what to do when it is damaged.
    """
    try:
        envelope = msgspec.json.decode(content, type=_Envelope)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise damaged(f"{place}/{name}", str(error), remedy) from error
    if envelope.format != format_name:
        raise IndexNotFoundError(f"{place} is not an index: its {name} is of another program.")
    if envelope.version != FORMAT_VERSION:
        raise FormatVersionError(
            f"{place} has format version {envelope.version}, and this library reads "
            f"{FORMAT_VERSION}; use the lsr-engine that wrote it, or remove it and build it again."
        )
    found = bytes(envelope.content)
    if xxhash.xxh3_64_hexdigest(found) != envelope.checksum:
        raise damaged(f"{place}/{name}", "the checksum does not match", remedy)
    return found


def damaged(file: Path | str, reason: str, remedy: str) -> CorruptIndexError:
    """Return the error that says what is wrong with a file."""
    return CorruptIndexError(f"{file} is damaged: {reason}; {remedy}")
