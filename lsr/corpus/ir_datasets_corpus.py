"""How are the documents of an ir_datasets id read? Through that library, which may download."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from lsr.corpus.records import Record, RecordForm, Report, read_record
from lsr.documents import TEXT_FIELDS
from lsr.errors import InvalidInputError, MissingDependencyError

PREFIX = "irds:"


def ir_datasets_records(source: str, form: RecordForm, report: Report) -> Iterator[Record]:
    """Yield the documents of ``irds:ID``.

    Raises:
        MissingDependencyError: ir_datasets is not installed.
        InvalidInputError: the id is unknown, or its files cannot be had.
    """
    return _records(_dataset(source), source, form, report)


def _records(dataset: Any, source: str, form: RecordForm, report: Report) -> Iterator[Record]:
    for number, document in enumerate(_documents(dataset, source), 1):
        place = f"{source}: document {number}"
        fields = {**msgspec.to_builtins(document._asdict())}
        if not any(name in fields for name in TEXT_FIELDS):
            fields["text"] = document.default_text()
        try:
            record = read_record(fields, place, form, len(fields.get("text") or ""))
        except InvalidInputError as error:
            report(error)
        else:
            yield record


def ir_datasets_size(source: str) -> int | None:
    """Return how many documents the library's catalogue gives for ``irds:ID``."""
    return _dataset(source).metadata().get("docs", {}).get("count")


def _dataset(source: str) -> Any:
    try:
        import ir_datasets
    except ImportError:
        raise MissingDependencyError(f"The corpus {source!r}", "eval") from None
    name = source.removeprefix(PREFIX)
    try:
        dataset = ir_datasets.load(name)
    except KeyError:
        raise InvalidInputError(
            f"ir_datasets knows no dataset {name!r}; https://ir-datasets.com lists the ids."
        ) from None
    if not dataset.has_docs():
        raise InvalidInputError(f"The dataset {name!r} of ir_datasets has no documents.")
    return dataset


def _documents(dataset: Any, source: str) -> Iterator[Any]:
    try:
        yield from dataset.docs_iter()
    # Downloads fail with OSError (requests' errors included), RuntimeError or worse: the library
    # runs a parser of its own for each dataset, and declares no errors.
    except Exception as error:
        raise InvalidInputError(
            f"The documents of {source!r} cannot be had ({_shortened(error)}); put the files where "
            "ir_datasets looks for them (IR_DATASETS_HOME, else ~/.ir_datasets) as its log says, "
            "or name a BEIR folder instead."
        ) from error


def _shortened(error: Exception) -> str:
    reason = " ".join(str(error).split()) or "no reason given"
    shown = reason if len(reason) <= 200 else f"{reason[:200]}..."
    return f"{type(error).__name__}: {shown}"
