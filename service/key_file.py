"""Which keys are there? A file of their hashes, which can be read without giving one away.

A key is a random token of 256 bits, so SHA-256 of it is enough: there is nothing to guess that a
slow hash would protect, and a slow one would make every request slow.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import time
from collections.abc import Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lsr.errors import ConfigError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = "lsr_"
"""How every token begins, so that people and scanners know one when they see it."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class Scope(StrEnum):
    """What a key allows."""

    SEARCH = "search"
    WRITE = "write"
    ADMIN = "admin"


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key, without its token.

    Attributes:
        name: tells keys apart for people.
        scopes: what it allows.
        sha256: of the token, in hexadecimal digits.
        created: when, in seconds since 1970.
    """

    name: str
    scopes: list[Scope]
    sha256: str
    created: int


def read_keys(path: Path) -> list[Key]:
    """Return the keys of a file.

    Raises:
        ConfigError: it cannot be read, or is no such file.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Key])
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror}); make it with lsr keys create NAME "
            f"--keys {path}."
        ) from error
    except msgspec.MsgspecError as error:
        raise ConfigError(f"{path} is no file of keys: {error}.") from error


def create_key(path: Path, name: str, scopes: Sequence[Scope]) -> str:
    """Add a key to a file, which is made where there is none, and return its token.

    Raises:
        InvalidInputError: the name cannot be used, or is taken.
        ConfigError: the file cannot be read, or is none of keys.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            f"A key cannot be called {name!r}; use up to 64 letters, digits, '.', '_' and '-'."
        )
    with _changed(path) as keys:
        if any(key.name == name for key in keys):
            raise InvalidInputError(
                f"{path} has a key {name!r} already; revoke it first, or choose another name."
            )
        token = PREFIX + secrets.token_urlsafe(32)
        keys.append(Key(name, list(dict.fromkeys(scopes)), _digest(token), int(time.time())))
    return token


def revoke_key(path: Path, name: str) -> None:
    """Remove a key from a file.

    Raises:
        InvalidInputError: there is no key of this name.
        ConfigError: the file cannot be read, or is none of keys.
    """
    with _changed(path) as keys:
        left = [key for key in keys if key.name != name]
        if len(left) == len(keys):
            raise InvalidInputError(f"{path} has no key {name!r}; lsr keys list shows its keys.")
        keys[:] = left


def find_key(keys: Sequence[Key], token: str) -> Key | None:
    """Return the key of a token, having looked at all of them whatever it is."""
    digest = _digest(token)
    found = None
    for key in keys:
        if hmac.compare_digest(key.sha256, digest):
            found = key
    return found


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


@contextmanager
def _changed(path: Path) -> Iterator[list[Key]]:
    """Read the keys, and write what became of them: readers see the old file or the new one."""
    keys = read_keys(path) if path.exists() else []
    yield keys
    draft = path.with_name(path.name + ".draft")
    try:
        # Only its owner may read it. Another process that changes keys now is refused by O_EXCL.
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(keys)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except FileExistsError as error:
        raise ConfigError(
            f"{draft} is in the way: another command changes the keys, or one was killed; remove "
            "it if none runs."
        ) from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from error
