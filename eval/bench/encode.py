"""How fast are texts encoded, beside other libraries and with the same weights?

Every contestant (`encoders`) gets the same model, texts and cores, in one process, and is timed in
turns (`encode_timing`). Its vectors are compared with those of the reference, so that the speed is
that of the same answer. A contestant that cannot run here is named, with the reason.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from lsr.encoders.locating import locate_model
from lsr.encoders.workers import available_cores
from lsr.errors import ConfigError, InvalidInputError, LsrError, UnsupportedModelError
from lsr.eval.bench.agreement import agreement
from lsr.eval.bench.cores import can_bind, some_cores
from lsr.eval.bench.encode_result import (
    EncodeBenchmark,
    Figures,
    Memory,
    Round,
    Size,
    latency,
    rate,
)
from lsr.eval.bench.encode_timing import times_in_turns, torch_threads, warmed_up
from lsr.eval.bench.encoders.base import Contestant, Opened, Task
from lsr.eval.bench.encoders.ours import Lsr
from lsr.eval.bench.encoders.registry import LIBRARIES, OURS, PEERS, REFERENCES
from lsr.eval.bench.machine import this_machine
from lsr.eval.bench.muting import muted
from lsr.eval.bench.peak_memory import peak_bytes
from lsr.eval.bench.shapes import SHAPES, shaped_model
from lsr.eval.bench.workloads import Workloads, count_tokens, cut_workloads
from lsr.kernels.transformer.processor import NAME as INSTRUCTIONS
from lsr.sparse import SparseBatch

CORES = (1, 2)
ALL_MODELS = ("splade-tiny", *SHAPES)

Missing = dict[str, list[str]]
"""Why contestants do not take part, and which."""


def libraries_named(names: str) -> Sequence[str]:
    """Return the libraries that a user names: ``all``, ``none``, or some between commas.

    Raises:
        ConfigError: a library is unknown, or cannot run here.
    """
    if names == "all":
        return LIBRARIES
    libraries = [] if names == "none" else names.split(",")
    _refuse_unknown(libraries)
    for library in libraries:
        reasons = [peer.why_missing() for peer in PEERS if peer.library == library]
        if all(reasons):
            raise ConfigError(f"{library} cannot be compared: {reasons[0]}.")
    return libraries


def bench_encode(
    models: Sequence[str],
    texts: Iterable[str],
    *,
    libraries: Sequence[str] = LIBRARIES,
    n_passages: int = 128,
    runs: int = 3,
    max_length: int = 300,
    on_round: Callable[[Round], None] = lambda _: None,
) -> EncodeBenchmark:
    """Time the encoding of passages, long documents and queries by `lsr` and by peers.

    Args:
        models: as `load_encoder` takes them, or of `SHAPES`.
        texts: what passages, long documents and queries are cut from.
        libraries: of `LIBRARIES`; what cannot run is noted in the result.
        n_passages: for a small model; large ones get fewer. The other texts go by it.
        runs: timed runs of each contestant.
        max_length: tokens of a text that are read, special tokens included.
        on_round: hears of the figures of each model on some cores as they come.

    Raises:
        ConfigError: a library is unknown.
        InvalidInputError: there is nothing to encode, or no run.
        UnsupportedModelError: no backend of `lsr` runs a model.
        PeakMemoryError: the process that measures memory failed.
    """
    _refuse_unknown(libraries)
    if not models or min(n_passages, runs) < 1:
        raise InvalidInputError(
            f"{len(models)} models, {n_passages} passages and {runs} runs make no benchmark."
        )
    entered = [*OURS, *(peer for peer in PEERS if peer.library in libraries)]
    machine = this_machine(dict.fromkeys(name for one in entered for name in one.packages))
    missing: Missing = {}
    able = []
    for one in entered:
        if why := one.why_missing():
            missing.setdefault(why, []).append(one.name)
        else:
            able.append(one)
    workloads = cut_workloads(texts, n_passages, max_length)
    rounds: list[Round] = []
    memory: list[Memory] = []
    for model in models:
        folder = shaped_model(SHAPES[model]) if model in SHAPES else locate_model(model)
        weights = sum(file.stat().st_size for file in folder.rglob("*.safetensors"))
        fewer = workloads.reduced(weights)
        for measured in _rounds(model, folder, able, fewer, runs, max_length, missing):
            on_round(measured)
            rounds.append(measured)
        memory += _memory(model, folder, rounds[-1], fewer, max_length)
    return EncodeBenchmark(
        rounds=tuple(rounds),
        memory=tuple(memory),
        max_length=max_length,
        runs=runs,
        is_bound=can_bind(),
        instructions=INSTRUCTIONS,
        notes=tuple(_note(names, why) for why, names in missing.items()),
        machine=machine,
    )


def _refuse_unknown(libraries: Sequence[str]) -> None:
    if unknown := [name for name in libraries if name not in LIBRARIES]:
        raise ConfigError(f"There is no peer {unknown[0]!r}; known are {', '.join(LIBRARIES)}.")


def _note(names: Sequence[str], why: str) -> str:
    verb = "is" if len(names) == 1 else "are"
    return f"{', '.join(names)} {verb} not compared: {why}."


def _rounds(
    model: str,
    folder: Path,
    contestants: Sequence[Contestant],
    workloads: Workloads,
    runs: int,
    max_length: int,
    missing: Missing,
) -> Iterator[Round]:
    """Yield the figures of one model on each number of cores."""
    # Where a process cannot be bound, ours takes all cores, and so must the others.
    cores = [n for n in CORES if n <= available_cores()] if can_bind() else [available_cores()]
    with tempfile.TemporaryDirectory(prefix="lsr-bench-") as scratch:
        for n_cores in cores:
            task = Task(folder, max_length, n_cores, Path(scratch))
            with some_cores(n_cores), torch_threads(n_cores):
                measured = _round(model, contestants, task, workloads, runs, missing)
            yield measured


def _memory(
    model: str, folder: Path, measured: Round, workloads: Workloads, max_length: int
) -> list[Memory]:
    """Return what memory each of ours takes that took part."""
    texts = [*workloads.passages, *workloads.long_documents]
    took_part = {one.name for one in measured.contestants}
    return [
        Memory(model, one.name, peak_bytes(folder, one.backend, one.precision, max_length, texts))
        for one in OURS
        if one.name in took_part
    ]


def _round(
    model: str,
    contestants: Sequence[Contestant],
    task: Task,
    workloads: Workloads,
    runs: int,
    missing: Missing,
) -> Round:
    """Open all contestants on the cores that the process is bound to, and time them."""
    opened: dict[str, Opened] = {}
    vectors: dict[str, SparseBatch] = {}
    for one in contestants:
        try:
            with muted():
                ready = one.open(task)
                vectors[one.name] = warmed_up(ready, workloads)
            opened[one.name] = ready
        except _expected_errors(one) as error:
            names = missing.setdefault(_first_line(error), [])
            names += [one.name] * (one.name not in names)
    if not any(one.name in opened for one in OURS):
        raise UnsupportedModelError(
            f"No backend of lsr encodes with the model {model!r}: {'; '.join(missing)}."
        )
    reference = next(name for name in REFERENCES if name in opened)
    times = times_in_turns(opened, workloads, runs)
    sizes = [
        Size(len(texts), count_tokens(task.folder, texts, task.max_length))
        for texts in (workloads.passages, workloads.long_documents, workloads.queries)
    ]
    return Round(
        model=model,
        n_cores=task.n_cores,
        sizes=(sizes[0], sizes[1], sizes[2]),
        n_active_terms=vectors[reference].nnz,
        reference=reference,
        contestants=tuple(
            Figures(
                name=name,
                is_ours=any(one.name == name for one in OURS),
                passages=rate(times[name].passages, times[reference].passages, sizes[0]),
                long_documents=rate(
                    times[name].long_documents, times[reference].long_documents, sizes[1]
                ),
                queries=latency(times[name].queries, times[reference].queries),
                agreement=agreement(vectors[name], vectors[reference]),
            )
            for name in opened
        ),
    )


def _expected_errors(one: Contestant) -> type[Exception]:
    """Return what may keep a contestant from taking part; a mistake of ours is none of that."""
    return LsrError if isinstance(one, Lsr) else Exception


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")
