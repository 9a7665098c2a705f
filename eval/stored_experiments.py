"""How do measurements outlast the process? As JSON files, one a system, without the rankings."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import msgspec
import xxhash

from lsr.errors import InvalidInputError
from lsr.eval.experiment import Experiment
from lsr.eval.output_file import replacing


def store_experiment(path: Path, experiment: Experiment) -> None:
    """Write an experiment, but for its run.

    Raises:
        InvalidInputError: the file cannot be written.
        DiskFullError: no space is left.
    """
    with replacing(path, "measurement") as file:
        file.write(msgspec.json.encode(replace(experiment, run={})))


def stored_experiment(path: Path) -> Experiment:
    """Read what `store_experiment` has written.

    Raises:
        InvalidInputError: the file cannot be read, or is none of them.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Experiment)
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror}.") from error
    except msgspec.DecodeError as error:
        raise InvalidInputError(
            f"{path} is no measurement that this version of lsr has stored ({error}); remove it, "
            "and it is measured again."
        ) from error


def file_name(name: str) -> str:
    """Return a file name for any name; different names have different ones.

    Example:
        >>> file_name("splade-tiny")
        'splade-tiny.json'
    """
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-")[:80]
    if plain and plain == name:
        return f"{plain}.json"
    return f"{plain or 'unnamed'}-{xxhash.xxh64_hexdigest(name.encode())[:8]}.json"
