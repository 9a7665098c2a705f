"""Which figures are published, and what does it take to measure them again? See published.toml."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

import msgspec

from lsr.encoders.locating import SHORT_NAMES, locate_model
from lsr.errors import ConfigError, ModelNotFoundError

PUBLISHED_FILE = Path(__file__).with_name("published.toml")
ALL = "all"
OK, OKISH = 0.0005, 0.005
"""Largest differences of a figure that is reproduced, and of one that nearly is: Pyserini's."""


class Collection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What figures are measured on.

    Attributes:
        irds: its id in ir_datasets, if it is there.
        folder: the name of a folder that may hold it.
        split: which judgments of the folder.
        qrels: judgments in the folder, where a stored ranking is scored.
        run: that ranking; ``{system}`` stands for the system's name.
        mean_of: collections whose figures are averaged.
    """

    irds: str | None = None
    folder: str | None = None
    split: str = "test"
    qrels: str | None = None
    run: str | None = None
    mean_of: tuple[str, ...] = ()


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where figures stand: {collection: {measure: value}}."""

    source: str
    figures: dict[str, dict[str, float]]


class System(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was measured.

    Attributes:
        model: hub id or short name; None where only its rankings are stored, and for a baseline.
        query_model: encodes queries, if another model does.
        baseline: its name as one.
        remark: what must be done before the model can be fetched.
        obstacle: why its figures cannot be had at all.
        published: where figures of it stand.
    """

    model: str | None = None
    query_model: str | None = None
    baseline: str | None = None
    remark: str | None = None
    obstacle: str | None = None
    published: tuple[Source, ...] = ()


class Publications(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of published.toml."""

    collections: dict[str, Collection]
    systems: dict[str, System]


@dataclass(frozen=True, slots=True)
class Figure:
    """A published value of a measure, and where it stands."""

    measure: str
    value: float
    source: str


@dataclass(frozen=True, slots=True)
class Claim:
    """What is published of a system on a collection.

    Attributes:
        name: ``SYSTEM/COLLECTION``, or the system alone where nothing is published.
        system: its name.
        collection: its name; empty where nothing is published.
        figures: in the order of the file; a measure may have several, of several sources.
    """

    name: str
    system: str
    collection: str
    figures: tuple[Figure, ...]

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of the measures, each once."""
        return tuple(dict.fromkeys(figure.measure for figure in self.figures))


@dataclass(frozen=True, slots=True)
class Places:
    """Where the user has models and collections.

    Attributes:
        model: stands for the model of the system, if named.
        dataset: stands for the collection, if named.
        data: a folder whose folders are collections, by the names that published.toml gives.
    """

    model: str | None = None
    dataset: Path | None = None
    data: Path | None = None


@dataclass(frozen=True, slots=True)
class Lack:
    """Something that is not on this machine, and whether a command would try to fetch it."""

    reason: str
    fetchable: bool


class Verdict(StrEnum):
    """How near to a published figure ours is."""

    OK = "ok"
    OKISH = "okish"
    FAIL = "fail"


@cache
def publications() -> Publications:
    """Return what published.toml says."""
    return msgspec.convert(tomllib.loads(PUBLISHED_FILE.read_text()), Publications)


@cache
def published_claims() -> Mapping[str, Claim]:
    """Return all claims by their names, in the order of the file."""
    claims: dict[str, Claim] = {}
    for system, known in publications().systems.items():
        figures: dict[str, list[Figure]] = {}
        for one in known.published:
            for collection, values in one.figures.items():
                figures.setdefault(collection, []).extend(
                    Figure(measure, value, one.source) for measure, value in values.items()
                )
        for collection, found in figures.items():
            name = f"{system}/{collection}"
            claims[name] = Claim(name, system, collection, tuple(found))
        if not figures:
            claims[system] = Claim(system, system, "", ())
    return claims


def select_claims(name: str) -> list[Claim]:
    """Return the claim of this name, or all whose names begin with it, or ``all``.

    Raises:
        ConfigError: there is none.
    """
    claims = published_claims()
    if name in claims:
        return [claims[name]]
    found = [one for one in claims.values() if name == ALL or one.name.startswith(name)]
    if not found or not name:
        near = difflib.get_close_matches(name, [*claims, *publications().systems], n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "lsr reproduce --list names all."
        raise ConfigError(f"No figure of {name!r} is known; {hint}")
    return found


def verdict(published: float, ours: float) -> Verdict:
    """Say how near to a published figure ours is, both to four places, as figures are published."""
    difference = round(abs(round(ours, 4) - published), 6)  # 0.0005 is not exact in binary
    if difference <= OK:
        return Verdict.OK
    return Verdict.OKISH if difference <= OKISH else Verdict.FAIL


def commands(claim: Claim, places: Places) -> list[list[str]]:
    """Return the commands that measure a claim: one, or one for each collection of a mean."""
    system = publications().systems[claim.system]
    return [
        ["lsr", "eval", *_what(claim, one, system, places), "--measures", " ".join(claim.measures)]
        for one in _measured_on(claim)
    ]


def _what(claim: Claim, name: str, system: System, places: Places) -> list[str]:
    collection = publications().collections[name]
    folder = _folder(name, places)
    if collection.run is not None and collection.qrels is not None:
        base = folder or Path(str(collection.folder))
        run = base / collection.run.format(system=claim.system)
        return ["--qrels", str(base / collection.qrels), "--run", str(run)]
    if folder is not None:
        dataset = ["--dataset", str(folder), "--split", collection.split]
    else:
        dataset = ["--dataset", collection.irds or str(collection.folder)]
    if system.baseline is not None:
        return [*dataset, "--baseline", system.baseline]
    towers = ["--model", places.model or str(system.model)]
    if system.query_model is not None and places.model is None:
        towers += ["--query-model", system.query_model]
    return [*dataset, *towers]


def lacks(claim: Claim, places: Places) -> list[Lack]:
    """Say what is not on this machine; nothing is fetched to find out.

    Returns:
        None if the commands can run as they stand.
    """
    system = publications().systems[claim.system]
    if system.obstacle is not None:
        return [Lack(system.obstacle, fetchable=False)]
    lacking = []
    stored = publications().collections[claim.collection].run is not None
    models = [places.model] if places.model else [system.model, system.query_model]
    for model in models:
        if model is not None and not stored and (reason := _missing_model(model)):
            whole = f"{reason}; {system.remark}" if system.remark else reason
            lacking.append(Lack(whole, fetchable=model not in SHORT_NAMES))
    absent = [name for name in _measured_on(claim) if not _is_here(claim, name, places)]
    return lacking + _missing_collections(absent)


def _missing_model(model: str) -> str | None:
    if Path(model).expanduser().exists():
        return None
    if model in SHORT_NAMES:
        try:
            locate_model(model, with_weights=False)
        except ModelNotFoundError as error:
            return str(error).rstrip(".")
        return None
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return f"the model {model} is on the hub, which needs the extra encode"
    # None where it is unknown, a marker where it is known not to exist, else a path.
    if isinstance(try_to_load_from_cache(model, "config.json"), str):
        return None
    return f"the model {model} is not in the hub's local cache"


def _missing_collections(names: Sequence[str]) -> list[Lack]:
    """Say where collections that are not here can be had, together where there are many."""
    known = [publications().collections[name] for name in names]
    folders = dict.fromkeys(one.folder for one in known if one.irds is None)
    lacking = [Lack(f"there is no folder {one} below --data", fetchable=False) for one in folders]
    ids = [one.irds for one in known if one.irds is not None]
    if ids:
        are, it = ("is", "it") if len(ids) == 1 else ("are", "them")
        reason = f"{', '.join(ids)} {are} not here; ir_datasets can download {it}"
        lacking.append(Lack(reason, fetchable=True))
    return lacking


def _is_here(claim: Claim, name: str, places: Places) -> bool:
    collection = publications().collections[name]
    folder = _folder(name, places)
    if folder is not None:
        run = (collection.run or "").format(system=claim.system)
        return (folder / run).exists()
    if collection.irds is None:
        return False
    home = Path(os.environ.get("IR_DATASETS_HOME", Path.home() / ".ir_datasets"))
    # Collections of BEIR have a folder each; one folder holds all that goes with MS MARCO.
    parts = collection.irds.split("/")
    downloaded = home.joinpath(*parts[: 2 if parts[0] == "beir" else 1])
    return downloaded.is_dir() and any(downloaded.iterdir())


def _folder(name: str, places: Places) -> Path | None:
    """Return the folder of a collection that the user has."""
    collection = publications().collections[name]
    if places.dataset is not None:
        return places.dataset
    if places.data is None or collection.folder is None:
        return None
    folder = places.data / collection.folder
    return folder if folder.is_dir() else None


def _measured_on(claim: Claim) -> tuple[str, ...]:
    return publications().collections[claim.collection].mean_of or (claim.collection,)
