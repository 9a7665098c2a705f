"""When must a writer not go on? After a step that broke off in the middle of a file."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from lsr.errors import IndexStorageError


class Failing(Protocol):
    """A writer that remembers what broke it."""

    failure: str | None


_Writer = TypeVar("_Writer", bound=Failing)
_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")
_Step = Callable[Concatenate[_Writer, _Arguments], _Result]


def ends_writer_on(
    errors: type[BaseException],
) -> Callable[[_Step[_Writer, _Arguments, _Result]], _Step[_Writer, _Arguments, _Result]]:
    """Make a step that fails with `errors` the last of its writer.

    A step that broke off leaves files of which nobody knows how much was written.
    """

    def decorate(step: _Step[_Writer, _Arguments, _Result]) -> _Step[_Writer, _Arguments, _Result]:
        @wraps(step)
        def guarded(
            writer: _Writer, /, *args: _Arguments.args, **kwargs: _Arguments.kwargs
        ) -> _Result:
            if writer.failure is not None:
                raise IndexStorageError(
                    f"This writer failed before: {writer.failure} Leave it and open another."
                )
            try:
                return step(writer, *args, **kwargs)
            except errors as error:
                writer.failure = str(error) or type(error).__name__
                raise

        return guarded

    return decorate
