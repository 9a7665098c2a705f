"""On what machine was a figure measured? Printed with every benchmark, for it says half of it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ISA_FLAGS = (
    *("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_bf16", "amx_int8"),
    *("asimd", "asimddp", "sve", "bf16", "i8mm"),
)
"""Instruction sets that the code of `lsr` and its peers gain from, as Linux names them."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What a reader must know to place a figure.

    Attributes:
        cpu: model name as the system gives it.
        n_cores: cores that this process may use.
        isa: the `ISA_FLAGS` of the CPU; empty where the system does not say.
        load: mean number of running processes in the last minute; above 1 or so before a
            benchmark, its figures are too low.
        system: operating system and architecture.
        python: version.
        packages: installed version of each package asked for; None where it is not installed.
    """

    cpu: str
    n_cores: int
    isa: tuple[str, ...]
    load: float | None
    system: str
    python: str
    packages: dict[str, str | None]

    def __str__(self) -> str:
        versions = ", ".join(f"{name} {version or '-'}" for name, version in self.packages.items())
        load = "unknown" if self.load is None else f"{self.load:.1f}"
        return (
            f"{self.cpu}, {self.n_cores} cores, {' '.join(self.isa) or 'unknown ISA'}, "
            f"load {load}, {self.system}\nPython {self.python}, {versions}"
        )


def this_machine(packages: Iterable[str] = ()) -> Machine:
    """Return the facts of this machine, with the versions of some packages."""
    cpuinfo = _read("/proc/cpuinfo")
    flags = re.search(r"^(?:flags|Features)\s*:(.*)$", cpuinfo, re.MULTILINE)
    known = set(flags[1].split()) if flags else set()
    affinity = getattr(os, "sched_getaffinity", None)
    return Machine(
        cpu=_cpu_name(cpuinfo),
        n_cores=len(affinity(0)) if affinity else os.cpu_count() or 1,
        isa=tuple(flag for flag in ISA_FLAGS if flag in known),
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        packages={name: _version(name) for name in packages},
    )


def _cpu_name(cpuinfo: str) -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return found[1].strip() if found else platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
