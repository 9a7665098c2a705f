"""`lsr snapshot` and `lsr restore`: an index put aside, and taken back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lsr.cli.output import IndexOption, JsonOption, QuietOption, emit, emit_json, set_quiet

if TYPE_CHECKING:
    from lsr.index import Manifest


def snapshot(
    index: IndexOption,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR|URL",
            help="New folder for the snapshot, or a URL such as s3://BUCKET/FOLDER.",
        ),
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Replace the index that was published at a URL.")
    ] = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Put the last commit of an index aside, also while it is written or searched.

    A snapshot is an index of its own: search it, verify it, copy it elsewhere. On the same disk it
    shares its files with the index, so it is made at once and takes no space; it is no backup
    against a failing disk before it is copied to another.

    At a URL, an index is published for other machines: commands that only read one take the URL as
    --index. After an interruption the same command goes on; files that are there already stay.

    Example: printf '{"id": "1", "vector": {"cat": 2}}' | lsr index - --index pets --force &&
    lsr snapshot --index pets --output pets-$(date +%N)
    """
    from lsr.index import is_url, make_snapshot, publish

    set_quiet(quiet)
    started = time.perf_counter()
    if is_url(output):
        manifest = publish(Path(index), output, replace=force)
    elif force:
        raise typer.BadParameter("--force goes with a URL; lsr restore --force replaces an index.")
    else:
        manifest = make_snapshot(Path(index), Path(output))
    _report(manifest, output, started, json)


def restore(
    snapshot: Annotated[
        str, typer.Argument(metavar="SNAPSHOT", help="Folder of the snapshot, or its URL.")
    ],
    index: IndexOption,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the index that is there, damaged or not.")
    ] = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Make an index what it was when the snapshot was made; the snapshot stays.

    Every file is verified first. Whoever searches the index meanwhile is not disturbed.

    Example: printf '{"id": "1", "vector": {"cat": 2}}' | lsr index - --index saved --force &&
    lsr restore saved --index pets --force
    """
    from lsr.index import readable_folder, restore_snapshot

    set_quiet(quiet)
    started = time.perf_counter()
    manifest = restore_snapshot(readable_folder(snapshot), Path(index), replace=force)
    _report(manifest, index, started, json)


def _report(manifest: Manifest, path: str, started: float, json: bool) -> None:
    n_docs = sum(one.n_docs - one.n_deleted for one in manifest.segments)
    if json:
        emit_json({"path": path, "commit": manifest.commit, "n_docs": n_docs})
    else:
        seconds = time.perf_counter() - started
        emit(f"{path} holds {n_docs:,} documents, verified, in {seconds:.1f} s.")
