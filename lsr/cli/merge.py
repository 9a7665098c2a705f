"""`lsr merge`: many segments into one, without the deleted documents."""

from __future__ import annotations

import time

from lsr.cli.output import IndexOption, JsonOption, QuietOption, emit, emit_json, set_quiet


def merge(index: IndexOption, json: JsonOption = False, quiet: QuietOption = False) -> None:
    """Make one segment of all: searches get faster, deleted documents give back their space.

    No search changes: impacts are copied, and documents keep their order.

    Example: printf '{"id": "1", "vector": {"cat": 2}}' | lsr index - --index pets --force &&
    lsr merge --index pets
    """
    from lsr.retrieval import Index

    set_quiet(quiet)
    opened = Index.open(index)
    before = opened.info()
    started = time.perf_counter()
    with opened.writer() as writer:
        if writer.merge():
            writer.commit()
    after = opened.info()
    if json:
        emit_json({"before": before, "after": after})
        return
    emit(
        f"{len(before['segments'])} segments of {before['size_bytes'] / 1e6:,.1f} MB to "
        f"{len(after['segments'])} of {after['size_bytes'] / 1e6:,.1f} MB "
        f"in {time.perf_counter() - started:.1f} s."
    )
