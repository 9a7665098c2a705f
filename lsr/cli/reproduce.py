"""`lsr reproduce`: are published figures reached here?"""

from __future__ import annotations

import os
import shlex
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from lsr.cli.output import JsonOption, QuietOption, emit, emit_json, note, set_quiet

if TYPE_CHECKING:
    from lsr.eval.published import Claim, Lack, Places


def reproduce(
    name: Annotated[
        str | None,
        typer.Argument(help="SYSTEM/COLLECTION, how several names begin, or all."),
    ] = None,
    listed: Annotated[
        bool, typer.Option("--list", help="Print the figures and what they need; run nothing.")
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Take this folder or model for that of the system."),
    ] = None,
    dataset: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Take this folder in BEIR's layout as the collection."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            envvar="LSR_DATA",
            help="Look here for folders named scifact, nfcorpus, ... before ir_datasets.",
        ),
    ] = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Measure what papers, model cards and other toolkits publish, and compare.

    Prints the command, runs it, and prints for each figure what was published, ours, the difference
    and ok (up to 0.0005), okish (up to 0.005) or fail. A name that is written out is run even if
    models or collections must be fetched; of several names those are run that need nothing
    fetched, and the others are listed with what they lack. Exit code 1 if a figure fails, a
    command fails, or nothing could be run.

    Example: lsr reproduce splade --list
    """
    from lsr.eval.published import ALL, Places, select_claims

    set_quiet(quiet)
    if name is None and not listed:
        raise typer.BadParameter("name what to reproduce, or see --list.")
    claims = select_claims(name or ALL)
    for folder, option in ((dataset, "--dataset"), (data, "--data")):
        if folder is not None and not folder.is_dir():
            raise typer.BadParameter(f"{option} is {str(folder)!r}, which is no folder.")
    _refuse_several(claims, model, dataset)
    places = Places(model, dataset, data)
    if listed:
        _print_list(claims, places, json)
        return
    outcomes = [_outcome(claim, places, alone=claim.name == name, json=json) for claim in claims]
    if json:
        emit_json([one.as_dict() for one in outcomes])
    counts = Counter(word for one in outcomes for word in one.words)
    if len(outcomes) > 1:
        note(", ".join(f"{word}: {n}" for word, n in counts.items()) + ".")
    if counts[FAIL] or counts[ERROR] or set(counts) == {NOT_RUN}:
        raise typer.Exit(1)


FAIL, ERROR, NOT_RUN = "fail", "error", "not run"


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of a claim."""

    claim: Claim
    commands: list[list[str]]
    ours: dict[str, float]
    problem: str | None
    lacks: list[Lack]

    @property
    def words(self) -> list[str]:
        """What became of each figure: a verdict, or why there is none."""
        from lsr.eval.published import verdict

        if self.problem is not None:
            return [ERROR]
        if not self.ours:
            return [NOT_RUN]
        return [str(verdict(one.value, self.ours[one.measure])) for one in self.claim.figures]

    def as_dict(self) -> dict[str, Any]:
        values = {
            "name": self.claim.name,
            "commands": [shlex.join(one) for one in self.commands],
            "problem": self.problem,
            "lacks": [one.reason for one in self.lacks],
        }
        rows = zip(self.claim.figures, self.words, strict=False) if self.ours else ()
        figures = [
            {
                "measure": one.measure,
                "published": one.value,
                "ours": self.ours[one.measure],
                "difference": self.ours[one.measure] - one.value,
                "verdict": word,
                "source": one.source,
            }
            for one, word in rows
        ]
        return {**values, "figures": figures}


def _refuse_several(claims: Sequence[Claim], model: str | None, dataset: Path | None) -> None:
    """Refuse a model for several systems or for none, and a folder for several collections."""
    from lsr.eval.published import publications

    systems = {one.system for one in claims}
    if model is not None and len(systems) > 1:
        raise typer.BadParameter(f"--model goes with one system, not with {len(systems)}.")
    for name in sorted(systems):
        if model is not None and publications().systems[name].baseline is not None:
            raise typer.BadParameter(f"{name} has no model; leave --model out.")
    collections = {one.collection for one in claims}
    known = publications().collections
    if dataset is not None and (
        len(collections) > 1 or any(known[one].mean_of for one in collections if one)
    ):
        raise typer.BadParameter(
            "--dataset goes with one collection; name a folder of all: --data."
        )


def _outcome(claim: Claim, places: Places, *, alone: bool, json: bool) -> _Outcome:
    """Run the commands of a claim, if they can be run, and print what came of them."""
    from lsr.eval.published import commands, lacks

    lacking = lacks(claim, places)
    if lacking and not (alone and all(one.fetchable for one in lacking)):
        if not json:
            emit(f"{claim.name}\t{NOT_RUN}\t{_joined(lacking)}")
        return _Outcome(claim, [], {}, None, lacking)
    for one in lacking:
        note(f"{claim.name}: {one.reason}; the command fetches what it can.")
    lines = commands(claim, places)
    reports = []
    for line in lines:
        if not json:
            emit(f"$ {shlex.join(line)}")
        done = _run(line)
        if isinstance(done, int):
            problem = f"the command ended with exit code {done}"
            if not json:
                emit(f"{claim.name}\t{ERROR}\t{problem}")
            return _Outcome(claim, lines, {}, problem, lacking)
        reports.append(done)
    ours = {one: statistics.fmean(report[one] for report in reports) for one in claim.measures}
    outcome = _Outcome(claim, lines, ours, None, lacking)
    if not json:
        _print_figures(outcome)
    return outcome


def _run(command: Sequence[str]) -> dict[str, float] | int:
    """Run `lsr eval` in a process of its own and return its measures, or its exit code."""
    from lsr.cli.output import console

    options = ["--json", "--quiet"] if console.quiet else ["--json"]
    arguments = [sys.executable, "-P", "-m", "lsr", *command[1:], *options]
    sys.stdout.flush()
    done = subprocess.run(arguments, stdout=subprocess.PIPE, env=os.environ, check=False)
    if done.returncode:
        return done.returncode
    report = msgspec.json.decode(done.stdout)
    measured = report["runs"][0] if "runs" in report else report
    return dict(measured["measures"])


def _print_figures(outcome: _Outcome) -> None:
    emit("name\tmeasure\tpublished\tours\tdifference\tverdict\tsource")
    for one, word in zip(outcome.claim.figures, outcome.words, strict=True):
        ours = outcome.ours[one.measure]
        emit(
            f"{outcome.claim.name}\t{one.measure}\t{one.value:.4f}\t{ours:.4f}\t"
            f"{ours - one.value:+.4f}\t{word}\t{one.source}"
        )


def _print_list(claims: Sequence[Claim], places: Places, json: bool) -> None:
    from lsr.eval.published import commands, lacks, publications

    rows = [(claim, lacks(claim, places)) for claim in claims]
    if json:
        known = publications()
        emit_json(
            [
                {
                    "name": claim.name,
                    "model": known.systems[claim.system].model,
                    "collection": claim.collection,
                    "figures": [msgspec.to_builtins(figure) for figure in claim.figures],
                    "commands": [
                        shlex.join(line)
                        for line in (commands(claim, places) if claim.collection else ())
                    ],
                    "here": not lacking,
                    "lacks": [one.reason for one in lacking],
                }
                for claim, lacking in rows
            ]
        )
        return
    emit("name\tmeasure\tpublished\tneeds\tsource")
    for claim, lacking in rows:
        needs = _joined(lacking) if lacking else "nothing: all is here"
        for figure in claim.figures:
            emit(f"{claim.name}\t{figure.measure}\t{figure.value:.4f}\t{needs}\t{figure.source}")
        if not claim.figures:
            emit(f"{claim.name}\t-\t-\t{needs}\t-")
    n_here = sum(not lacking for _, lacking in rows)
    note(f"{n_here} of {len(rows)} can be measured with what is here.")


def _joined(lacking: Sequence[Lack]) -> str:
    return "; ".join(one.reason for one in lacking)
