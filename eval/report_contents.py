"""What is in a report? Tables and charts, however they are shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts, nothing escaped.

    Attributes:
        title: what it shows.
        columns: their headings.
        rows: as many cells each; the first is a name.
        note: how to read it; may be empty.
    """

    title: str
    columns: list[str]
    rows: list[list[str]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture.

    Attributes:
        name: of its file, without ending.
        title: what it shows.
        caption: how to read it.
        light: SVG for light screens.
        dark: SVG for dark screens.
    """

    name: str
    title: str
    caption: str
    light: bytes
    dark: bytes


@dataclass(frozen=True, slots=True)
class Report:
    """All of it.

    Attributes:
        title: the dataset, or the file of judgments.
        tables: quality first, a row for each system.
        charts: those that can be drawn of what is known.
        note: what made it.
    """

    title: str
    tables: list[Table]
    charts: list[Chart]
    note: str
