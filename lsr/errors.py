"""Every error that `lsr` raises on purpose.

    LsrError                             exit code 1
    ├── InvalidInputError(ValueError)    the caller passed something impossible
    │   └── DuplicateIdError             an id occurs twice, in the input or against the index
    ├── ConfigError(ValueError)          a setting is unknown, missing or contradictory
    ├── IndexStorageError
    │   ├── IndexNotFoundError           no index at this path
    │   ├── IndexExistsError             an index is in the way of a new one
    │   ├── CorruptIndexError            exit code 3: which file, expected and found
    │   ├── FormatVersionError           exit code 3: versions of file and library
    │   ├── UnsyncedError                what reached the disk is unknown
    │   ├── IndexLockedError             exit code 4: who writes, since when
    │   ├── DiskFullError                exit code 5: which path, how much is free
    │   └── ShardMissingError            which shards did not answer a search, and why
    ├── EncoderError
    │   ├── ModelNotFoundError           not a folder, short name or reachable hub id
    │   ├── UnsupportedModelError        found, but not a sparse encoder that can be run safely
    │   └── VocabularyMismatchError      exit code 3: index and model disagree on terms
    ├── TrainingError                    a training cannot go on
    │   └── CollapseError                the model stopped learning to retrieve
    ├── EvaluationError                  qrels, queries and run do not fit each other
    ├── ServiceError                     a service did not answer, or not as it should
    └── MissingDependencyError(ImportError)  names the extra that installs it

A message is one or two sentences that say what was wrong, where, and what to do. The command line
prints it after ``error:`` and exits with the class's `exit_code`; nobody else catches `LsrError`.
"""

from __future__ import annotations

import errno

DISK_FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the operating system says when a disk, a quota or the largest file size is reached."""


class LsrError(Exception):
    """Base of every error that `lsr` raises on purpose."""

    exit_code = 1


class InvalidInputError(LsrError, ValueError):
    """The caller passed a value that cannot be right."""


class DuplicateIdError(InvalidInputError):
    """A document id occurs twice, in the input or against the index."""


class ConfigError(LsrError, ValueError):
    """A setting is unknown, missing or contradicts another."""


class IndexStorageError(LsrError):
    """Base of errors about an index on disk."""


class IndexNotFoundError(IndexStorageError):
    """There is no index at this path."""


class IndexExistsError(IndexStorageError):
    """There is already an index at this path."""


class CorruptIndexError(IndexStorageError):
    """A file of the index is damaged or missing."""

    exit_code = 3


class FormatVersionError(IndexStorageError):
    """The index was written by a library that is too new or too old."""

    exit_code = 3


class UnsyncedError(IndexStorageError):
    """Bytes could not be forced to the disk, so nobody knows what is on it."""


class IndexLockedError(IndexStorageError):
    """Another writer holds the index."""

    exit_code = 4


class DiskFullError(IndexStorageError):
    """The disk, or a quota on it, is full."""

    exit_code = 5


class ShardMissingError(IndexStorageError):
    """Shards of the index did not answer a search, and an answer without them is not wanted."""


class EncoderError(LsrError):
    """Base of errors about models."""


class ModelNotFoundError(EncoderError):
    """The model is not a folder, a known short name or a hub id that can be reached."""


class UnsupportedModelError(EncoderError):
    """The model was found, but it is not a sparse encoder that can be loaded safely."""


class VocabularyMismatchError(EncoderError):
    """The index was built with another vocabulary than the model's."""

    exit_code = 3


class TrainingError(LsrError):
    """A training cannot go on."""


class CollapseError(TrainingError):
    """The model that is trained has stopped learning to retrieve; the message says why."""


class EvaluationError(LsrError):
    """Qrels, queries and run do not fit each other."""


class ServiceError(LsrError):
    """A service did not answer, or not as it should.

    Attributes:
        status: of its answer; None if there was none.
        code: of the problem that it named.
    """

    def __init__(self, message: str, status: int | None = None, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class MissingDependencyError(LsrError, ImportError):
    """An optional dependency is not installed; the message names the extra."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f'{what} needs more packages: pip install "lsr-engine[{extra}]".')
        self.what = what
        self.extra = extra

    def __reduce__(self) -> tuple[type[MissingDependencyError], tuple[str, str]]:
        """Let it be copied to another process."""
        return type(self), (self.what, self.extra)
