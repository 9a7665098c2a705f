"""`lsr verify`: is every byte of an index what was written?"""

from __future__ import annotations

from lsr.cli.output import (
    JsonOption,
    PublishedIndexOption,
    QuietOption,
    emit,
    emit_json,
    note,
    set_quiet,
)


def verify(
    index: PublishedIndexOption, json: JsonOption = False, quiet: QuietOption = False
) -> None:
    """Check the checksum of every file, the order of every posting list, and every document id.

    Exits with 3 and names the first part that is damaged.

    Example: lsr verify --index demo-index
    """
    from lsr.index import readable_folder, verify_index

    set_quiet(quiet)
    parts = []
    for part in verify_index(readable_folder(index)):
        parts.append(part)
        note(f"ok  {part}")
    if json:
        emit_json({"index": index, "sound": True, "parts": parts})
    else:
        emit(f"{index} is sound.")
